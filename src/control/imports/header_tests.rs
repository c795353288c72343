//! Headers as people write them.

use super::columns::{Column, Kind, Language};
use super::error::ImportError;
use super::header::Header;
use super::table::row::Row;

fn row(cells: &[&str]) -> Row {
    Row { number: 1, cells: cells.iter().map(|cell| (*cell).to_owned()).collect() }
}

fn refused(kind: Kind, cells: &[&str]) -> String {
    match Header::read(kind, &row(cells)) {
        Err(error @ ImportError::Header(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn case_blanks_and_underscores_do_not_matter() {
    let cells = ["", "Radius_M", "  LAT ", "경도", "지번 주소", "Client-Code", "이름 "];
    let header = Header::read(Kind::Group, &row(&cells)).unwrap();
    let places = [
        (Column::RadiusM, 1),
        (Column::Latitude, 2),
        (Column::Longitude, 3),
        (Column::LotAddress, 4),
        (Column::ClientCode, 5),
        (Column::Name, 6),
    ];
    for (column, place) in places {
        assert_eq!(header.place(column), Some(place), "{column:?}");
    }
    assert_eq!(header.place(Column::Polygon), None);
    assert_eq!(
        (header.label(Column::Longitude), header.label(Column::Polygon)),
        ("경도", "polygon")
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = refused(Kind::Places, &["name", "이름", "colour", "latitude"]);
    assert!(text.contains("the column name is there twice"), "{text}");
    assert!(
        text.contains("\"colour\" is not known; allowed: key (매장코드), name (매장명)"),
        "{text}"
    );
    assert!(text.contains("the column key (매장코드) is missing"), "{text}");
    assert!(
        text.contains("needed: latitude and longitude, or footprint, or road address"),
        "{text}"
    );
    assert!(refused(Kind::Blacklist, &[""]).contains("advertising id, or echo code"));
    assert!(refused(Kind::Segment, &["38400000-8cf0-11bd-b23e"]).contains("\"3840…\""));
}

#[test]
fn a_list_of_ids_needs_no_header() {
    let first = row(&["38400000-8cf0-11bd-b23e-10b96e40000d"]);
    for kind in [Kind::Segment, Kind::Blacklist] {
        let (header, is_header) = Header::read_or_first(kind, &first).unwrap();
        assert_eq!((header.place(Column::AdvertisingId), is_header), (Some(0), false));
    }
    assert!(Header::read_or_first(Kind::Group, &first).is_err());
    let (_, is_header) = Header::read_or_first(Kind::Segment, &row(&["ADID"])).unwrap();
    assert!(is_header);
}

/// Else a file could be understood in two ways.
#[test]
fn no_name_means_two_columns() {
    for kind in Kind::ALL {
        let columns = kind.columns();
        for name in columns
            .iter()
            .flat_map(|one| [one.english, one.korean].into_iter().chain(one.also.iter().copied()))
        {
            let meant = columns.iter().filter(|column| column.is_called(name)).count();
            assert_eq!(meant, 1, "{name} of {kind:?}");
        }
        assert!(kind.samples().iter().all(|sample| sample.len() == columns.len()), "{kind:?}");
        let korean: Vec<_> = columns.iter().map(|name| name.name(Language::Korean)).collect();
        assert!(Header::read(kind, &row(&korean)).is_ok());
    }
}

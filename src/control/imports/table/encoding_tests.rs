//! Korean text as different programs write it.

use encoding_rs::EUC_KR;

use super::samples::{plain, rows};
use crate::control::imports::error::ImportError;

const TEXT: &str = "이름,설명\n광화문 광장,똠방각하 펲시콜라\n";

#[test]
fn utf_8_with_and_without_a_mark_and_cp949_read_the_same() {
    let marked = [b"\xEF\xBB\xBF", TEXT.as_bytes()].concat();
    let (cp949, _, lost) = EUC_KR.encode(TEXT);
    assert!(!lost, "the text has letters that CP949 lacks");
    let expected = [(1, vec!["이름", "설명"]), (2, vec!["광화문 광장", "똠방각하 펲시콜라"])];
    for bytes in [TEXT.as_bytes(), &marked, &cp949] {
        assert_eq!(plain(&rows(bytes).unwrap()), expected);
    }
}

#[test]
fn letters_over_the_border_of_a_chunk_are_whole() {
    let text = format!("a,이름\n{}", "가,나다라마바사아자차카타파하\n".repeat(9_000));
    let (cp949, ..) = EUC_KR.encode(&text);
    let (one, other) = (rows(text.as_bytes()).unwrap(), rows(&cp949).unwrap());
    assert_eq!(one.len(), 9_001);
    assert_eq!(one, other);
    assert!(one[1..].iter().all(|row| row.cells == ["가", "나다라마바사아자차카타파하"]));
}

#[test]
fn what_is_neither_is_refused_at_its_byte() {
    let mut bytes = TEXT.as_bytes().to_vec();
    bytes.extend(b"x,\xFF\xFF\n");
    let utf8_end = u64::try_from(TEXT.len()).unwrap() + 2;
    match rows(&bytes) {
        Err(ImportError::Encoding { utf8_at, cp949_at }) => {
            assert_eq!(utf8_at, utf8_end);
            assert!(cp949_at <= utf8_end, "{cp949_at}");
        }
        other => panic!("{other:?}"),
    }
    // A letter that is cut off at the end is no letter.
    assert!(matches!(rows(b"name\n\xEA\xB0"), Err(ImportError::Encoding { .. }) | Ok(_)));
    assert!(matches!(rows(b"name\n\x80"), Err(ImportError::Encoding { utf8_at: 5, cp949_at: 5 })));
}

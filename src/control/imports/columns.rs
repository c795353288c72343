//! The columns of every kind of file: their names in both languages, and what templates show in them.
//!
//! One table serves reading, errors and [templates](super::templates), so that a template is always understood.

/// What a file holds.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = ImportKind)]
pub enum Kind {
    /// The geofences of a group.
    Group,
    /// Stores.
    Places,
    /// Districts and trade areas.
    Regions,
    /// The devices of a segment.
    Segment,
    /// Devices that get no push.
    Blacklist,
    /// Addresses, and where they are.
    Addresses,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Group, Self::Places, Self::Regions, Self::Segment, Self::Blacklist, Self::Addresses];

    /// Its columns, in the order of its template.
    #[must_use]
    pub const fn columns(self) -> &'static [ColumnName] {
        match self {
            Self::Group => GROUP,
            Self::Places => PLACES,
            Self::Regions => REGIONS,
            Self::Segment => SEGMENT,
            Self::Blacklist => BLACKLIST,
            Self::Addresses => ADDRESSES,
        }
    }

    /// The rows of its template, each with as many cells as there are columns.
    #[must_use]
    pub const fn samples(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Group => GROUP_SAMPLES,
            Self::Places => PLACE_SAMPLES,
            Self::Regions => REGION_SAMPLES,
            Self::Segment => SEGMENT_SAMPLES,
            Self::Blacklist => BLACKLIST_SAMPLES,
            Self::Addresses => ADDRESS_SAMPLES,
        }
    }
}

/// A language of templates and of the names that errors show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Korean.
    Korean,
    /// English.
    English,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Column {
    /// Circle or polygon.
    Type,
    /// A polygon's vertices.
    Polygon,
    /// Latitude, degrees.
    Latitude,
    /// Longitude, degrees.
    Longitude,
    /// A circle's radius, m.
    RadiusM,
    /// The marketer's own code.
    ClientCode,
    /// A name.
    Name,
    /// A description.
    Description,
    /// The address by lot.
    LotAddress,
    /// The address by road.
    RoadAddress,
    /// The postcode.
    Postcode,
    /// The telephone number.
    Phone,
    /// A store's own code.
    Key,
    /// A store's brand.
    Brand,
    /// A path of categories, `A>B>C>D`.
    Category,
    /// How far a store's signals reach, m.
    SignalRadiusM,
    /// A store's floor plan.
    Footprint,
    /// Which kind of region.
    Level,
    /// A region's code.
    Code,
    /// The code of the region around it.
    ParentCode,
    /// An advertising id.
    AdvertisingId,
    /// An echo code.
    EchoCode,
}

/// How a column is called.
#[derive(Clone, Copy, Debug)]
pub struct ColumnName {
    /// What it holds.
    pub column: Column,
    /// Its English name, which errors show too.
    pub english: &'static str,
    /// Its Korean name.
    pub korean: &'static str,
    /// What else people call it.
    pub also: &'static [&'static str],
    /// Whether a file without it is refused.
    pub needed: bool,
}

impl ColumnName {
    /// Its name in a language.
    #[must_use]
    pub const fn name(&self, language: Language) -> &'static str {
        match language {
            Language::Korean => self.korean,
            Language::English => self.english,
        }
    }

    /// Whether a header cell names it. Case, blanks, underscores and brackets do not matter.
    #[must_use]
    pub fn is_called(&self, text: &str) -> bool {
        let folded = fold(text);
        [self.english, self.korean].iter().chain(self.also).any(|name| fold(name) == folded)
    }
}

/// What matters of a name.
fn fold(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

const fn column(
    column: Column,
    english: &'static str,
    korean: &'static str,
    also: &'static [&'static str],
) -> ColumnName {
    ColumnName { column, english, korean, also, needed: false }
}

const fn needed(name: ColumnName) -> ColumnName {
    ColumnName { needed: true, ..name }
}

const LATITUDE: ColumnName = column(Column::Latitude, "latitude", "위도", &["lat", "y"]);
const LONGITUDE: ColumnName = column(Column::Longitude, "longitude", "경도", &["lon", "lng", "x"]);
const LOT_ADDRESS: ColumnName = column(
    Column::LotAddress,
    "lot address",
    "지번주소",
    &["jibun address", "구주소", "지번 주소"],
);
const ROAD_ADDRESS: ColumnName = column(
    Column::RoadAddress,
    "road address",
    "도로명주소",
    &["address", "주소", "신주소", "road name address"],
);
const PHONE: ColumnName = column(
    Column::Phone,
    "phone",
    "전화번호",
    &["telephone", "tel", "phone number", "전화", "연락처"],
);

const GROUP: &[ColumnName] = &[
    column(Column::Type, "type", "유형", &["kind", "타입", "구분", "종류", "지오펜스유형"]),
    column(
        Column::Polygon,
        "polygon",
        "다각형",
        &["폴리곤", "wkt", "geometry", "coordinates", "좌표"],
    ),
    LATITUDE,
    LONGITUDE,
    column(Column::RadiusM, "radius m", "반경(m)", &["radius", "반경", "반지름", "radius in m"]),
    column(
        Column::ClientCode,
        "client code",
        "고객사코드",
        &["code", "코드", "고객코드", "관리코드"],
    ),
    needed(column(
        Column::Name,
        "name",
        "이름",
        &["geofence name", "명칭", "지오펜스명", "지오펜스 이름"],
    )),
    column(Column::Description, "description", "설명", &["desc", "비고", "memo", "메모"]),
    LOT_ADDRESS,
    ROAD_ADDRESS,
    column(Column::Postcode, "postcode", "우편번호", &["postal code", "zip", "zip code"]),
    PHONE,
];

const PLACES: &[ColumnName] = &[
    needed(column(
        Column::Key,
        "key",
        "매장코드",
        &["store code", "store key", "code", "id", "점포코드", "키"],
    )),
    needed(column(Column::Name, "name", "매장명", &["store name", "이름", "점포명", "명칭"])),
    column(Column::Brand, "brand", "브랜드", &["brand name", "브랜드명"]),
    column(Column::Category, "category", "카테고리", &["category path", "업종", "분류"]),
    LATITUDE,
    LONGITUDE,
    column(
        Column::SignalRadiusM,
        "signal radius m",
        "신호반경(m)",
        &["signal radius", "radius m", "radius", "신호반경", "반경", "반경m"],
    ),
    column(
        Column::Footprint,
        "footprint",
        "건물영역",
        &["polygon", "wkt", "geometry", "다각형", "폴리곤", "영역"],
    ),
    LOT_ADDRESS,
    ROAD_ADDRESS,
    PHONE,
];

const REGIONS: &[ColumnName] = &[
    needed(column(Column::Level, "level", "단계", &["kind", "type", "구분", "유형"])),
    needed(column(Column::Code, "code", "코드", &["region code", "지역코드", "행정구역코드"])),
    needed(column(Column::Name, "name", "이름", &["region name", "명칭", "지역명"])),
    column(Column::ParentCode, "parent code", "상위코드", &["parent", "상위", "상위지역코드"]),
    column(Column::Polygon, "polygon", "다각형", &["wkt", "geometry", "폴리곤", "영역"]),
];

const ADVERTISING_ID: ColumnName = column(
    Column::AdvertisingId,
    "advertising id",
    "광고식별자",
    &["adid", "idfa", "gaid", "aaid", "ad id", "maid", "device id", "광고아이디", "광고id"],
);

const SEGMENT: &[ColumnName] = &[needed(ADVERTISING_ID)];

const BLACKLIST: &[ColumnName] = &[
    ADVERTISING_ID,
    column(Column::EchoCode, "echo code", "에코코드", &["echo", "device code", "기기코드"]),
];

const ADDRESSES: &[ColumnName] = &[ROAD_ADDRESS, LOT_ADDRESS, needed(LATITUDE), needed(LONGITUDE)];

const GROUP_SAMPLES: &[&[&str]] = &[
    &[
        "1",
        "",
        "37.5662952",
        "126.9779451",
        "100",
        "S-001",
        "시청광장",
        "분수 앞",
        "서울 중구 태평로1가 31",
        "서울 중구 세종대로 110",
        "04524",
        "02-120",
    ],
    &[
        "0",
        "(126.9769 37.5759,126.9789 37.5759,126.9789 37.5775,126.9769 37.5775)",
        "",
        "",
        "",
        "S-002",
        "경복궁",
        "",
        "",
        "",
        "",
        "",
    ],
];

const PLACE_SAMPLES: &[&[&str]] = &[
    &[
        "M-0001",
        "시청점",
        "하늘커피",
        "음식점>카페>커피전문점",
        "37.5662952",
        "126.9779451",
        "100",
        "",
        "서울 중구 태평로1가 31",
        "서울 중구 세종대로 110",
        "02-120",
    ],
    &[
        "M-0002",
        "경복궁점",
        "하늘커피",
        "음식점>카페",
        "",
        "",
        "150",
        "POLYGON((126.9769 37.5759,126.9789 37.5759,126.9789 37.5775,126.9769 37.5775,126.9769 37.5759))",
        "",
        "",
        "",
    ],
];

const REGION_SAMPLES: &[&[&str]] = &[
    &[
        "state",
        "11",
        "서울특별시",
        "",
        "POLYGON((126.77 37.43,127.18 37.43,127.18 37.70,126.77 37.70,126.77 37.43))",
    ],
    &[
        "city",
        "11140",
        "중구",
        "11",
        "POLYGON((126.96 37.54,127.02 37.54,127.02 37.57,126.96 37.57,126.96 37.54))",
    ],
    &[
        "trade_area",
        "T-1",
        "명동",
        "",
        "POLYGON((126.980 37.560,126.988 37.560,126.988 37.566,126.980 37.566,126.980 37.560))",
    ],
];

const SEGMENT_SAMPLES: &[&[&str]] = &[&["38400000-8cf0-11bd-b23e-10b96e40000d"]];

const BLACKLIST_SAMPLES: &[&[&str]] =
    &[&["38400000-8cf0-11bd-b23e-10b96e40000d", ""], &["", "00112233445566778899aabbccddeeff"]];

const ADDRESS_SAMPLES: &[&[&str]] = &[
    &["서울 중구 세종대로 110", "서울 중구 태평로1가 31", "37.5662952", "126.9779451"],
    &["서울 종로구 사직로 161", "", "37.5796212", "126.9770162"],
];

//! Sample data. Invented, apart from the names of regions.

use keruen_proto::{
    Standing,
    log::v1::{OccurredAt, TimePrecision},
    registry::v1::{Commodity, Facility, Item, LocalizedText, Organisation, Region},
    requests::v1::{Request, RequestLine, RequestPriority, RequestState},
    shipments::v1::Shipment,
    stock::v1::{GetTraceResponse, RequestRow, StockRow},
};

/// What a node knows.
#[derive(Clone, Default)]
pub struct Sample {
    pub regions: Vec<Region>,
    pub commodities: Vec<Commodity>,
    pub items: Vec<Item>,
    pub organisations: Vec<Organisation>,
    pub facilities: Vec<Facility>,
    pub stock: Vec<StockRow>,
    pub untold_counters: Vec<String>,
    pub traces: Vec<GetTraceResponse>,
    pub requests: Vec<RequestRow>,
    pub requests_token: String,
    pub shipments: Vec<Shipment>,
    pub position: u64,
    pub standing: Option<Standing>,
}

/// Code and names of every region of today.
pub const REGIONS: [(&str, &str, &str, &str); 20] = [
    ("KZ-10", "Abai Region", "Абай облысы", "область Абай"),
    (
        "KZ-11",
        "Akmola Region",
        "Ақмола облысы",
        "Акмолинская область",
    ),
    (
        "KZ-15",
        "Aktobe Region",
        "Ақтөбе облысы",
        "Актюбинская область",
    ),
    (
        "KZ-19",
        "Almaty Region",
        "Алматы облысы",
        "Алматинская область",
    ),
    (
        "KZ-23",
        "Atyrau Region",
        "Атырау облысы",
        "Атырауская область",
    ),
    (
        "KZ-27",
        "West Kazakhstan Region",
        "Батыс Қазақстан облысы",
        "Западно-Казахстанская область",
    ),
    (
        "KZ-31",
        "Jambyl Region",
        "Жамбыл облысы",
        "Жамбылская область",
    ),
    ("KZ-33", "Jetisu Region", "Жетісу облысы", "область Жетісу"),
    (
        "KZ-35",
        "Karaganda Region",
        "Қарағанды облысы",
        "Карагандинская область",
    ),
    (
        "KZ-39",
        "Kostanay Region",
        "Қостанай облысы",
        "Костанайская область",
    ),
    (
        "KZ-43",
        "Kyzylorda Region",
        "Қызылорда облысы",
        "Кызылординская область",
    ),
    (
        "KZ-47",
        "Mangystau Region",
        "Маңғыстау облысы",
        "Мангистауская область",
    ),
    (
        "KZ-55",
        "Pavlodar Region",
        "Павлодар облысы",
        "Павлодарская область",
    ),
    (
        "KZ-59",
        "North Kazakhstan Region",
        "Солтүстік Қазақстан облысы",
        "Северо-Казахстанская область",
    ),
    (
        "KZ-61",
        "Turkistan Region",
        "Түркістан облысы",
        "Туркестанская область",
    ),
    ("KZ-62", "Ulytau Region", "Ұлытау облысы", "область Улытау"),
    (
        "KZ-63",
        "East Kazakhstan Region",
        "Шығыс Қазақстан облысы",
        "Восточно-Казахстанская область",
    ),
    ("KZ-71", "Astana", "Астана", "Астана"),
    ("KZ-75", "Almaty", "Алматы", "Алматы"),
    ("KZ-79", "Shymkent", "Шымкент", "Шымкент"),
];

pub fn text(en: &str, kk: &str, ru: &str) -> LocalizedText {
    LocalizedText {
        en: en.to_owned(),
        kk: kk.to_owned(),
        ru: ru.to_owned(),
    }
}

pub fn commodity(id: &str, name: LocalizedText) -> Commodity {
    Commodity {
        commodity_id: id.to_owned(),
        name: Some(name),
        base_unit: "EA".to_owned(),
        ..Commodity::default()
    }
}

fn item(id: &str, commodity_id: &str, name: LocalizedText) -> Item {
    Item {
        item_id: id.to_owned(),
        commodity_id: commodity_id.to_owned(),
        name: Some(name),
        ..Default::default()
    }
}

pub fn organisation(id: &str, name: LocalizedText) -> Organisation {
    Organisation {
        organisation_id: id.to_owned(),
        name: Some(name),
        ..Default::default()
    }
}

fn facility(id: &str, name: LocalizedText) -> Facility {
    Facility {
        facility_id: id.to_owned(),
        name: Some(name),
        ..Default::default()
    }
}

/// A row that keeps its own sums.
pub fn stock(
    region_id: &str,
    commodity_id: &str,
    on_hand: i64,
    reserved: i64,
    in_transit: i64,
    consumed: i64,
) -> StockRow {
    StockRow {
        region_id: region_id.to_owned(),
        commodity_id: commodity_id.to_owned(),
        on_hand,
        reserved,
        held: 0,
        available: on_hand - reserved,
        in_transit,
        received: on_hand + in_transit + consumed,
        consumed,
        disposed: 0,
        lost: 0,
        ..Default::default()
    }
}

pub fn at(day: i64, minute: i64) -> OccurredAt {
    // Day 0 is 2020-04-01, midnight in Astana.
    let time_us = (1_585_677_600 + day * 86_400 + minute * 60) * 1_000_000;
    OccurredAt {
        time_us,
        utc_offset_minutes: 360,
        precision: TimePrecision::Minute.into(),
        clamped: false,
    }
}

impl Sample {
    /// A node with nothing but its regions.
    pub fn empty() -> Self {
        let region = |(id, en, kk, ru): (&str, &str, &str, &str)| Region {
            region_id: id.to_owned(),
            name: Some(text(en, kk, ru)),
            ..Default::default()
        };
        Self {
            regions: REGIONS.into_iter().map(region).collect(),
            ..Default::default()
        }
    }

    /// A small story: tests, concentrators and vehicles, given by three donors.
    pub fn story() -> Self {
        let mut sample = Self {
            position: 1_284,
            ..Self::empty()
        };
        sample.master_data();
        sample.tests_in_all_regions();
        sample.stock.push(StockRow {
            in_transit_out: 4,
            ..stock("KZ-71", "O2-CONCENTRATOR", 40, 12, 0, 0)
        });
        sample
            .stock
            .push(stock("KZ-62", "O2-CONCENTRATOR", 6, 0, 4, 0));
        sample.traces = sample.three_donations();
        sample.requests = sample.some_requests();
        sample
    }

    fn master_data(&mut self) {
        let tests = text("SARS-CoV-2 test", "SARS-CoV-2 тесті", "Тест на SARS-CoV-2");
        let oxygen = text(
            "Oxygen concentrator",
            "Оттегі концентраторы",
            "Кислородный концентратор",
        );
        let laboratory = text(
            "Mobile PCR laboratory",
            "Жылжымалы ПТР-зертхана",
            "Передвижная ПЦР-лаборатория",
        );
        self.commodities = vec![
            commodity("LAB-PCR-MOBILE", laboratory),
            commodity("O2-CONCENTRATOR", oxygen.clone()),
            commodity("TEST-SARS2", tests.clone()),
        ];
        self.items = vec![
            item(
                "TEST-PCR-1",
                "TEST-SARS2",
                text(
                    "PCR test, 96 wells",
                    "ПТР-тест, 96 ұяшық",
                    "ПЦР-тест, 96 лунок",
                ),
            ),
            item("O2-10L", "O2-CONCENTRATOR", oxygen),
        ];
        self.organisations = vec![
            organisation("KASPI", text("Kaspi Bank", "Kaspi Bank", "Kaspi Bank")),
            organisation(
                "UTEMURATOV",
                text(
                    "Bulat Utemuratov Fund",
                    "Болат Өтемұратов қоры",
                    "Фонд Булата Утемуратова",
                ),
            ),
            organisation(
                "MOH",
                text(
                    "Ministry of Health",
                    "Денсаулық сақтау министрлігі",
                    "Министерство здравоохранения",
                ),
            ),
            organisation(
                "BIRGEMIZ",
                text(
                    "Volunteers «Birgemiz»",
                    "«Біргеміз» еріктілері",
                    "Волонтёры «Біргеміз»",
                ),
            ),
            organisation(
                "SHY-DONOR",
                text("Shy Giver Ltd", "Ұялшақ беруші", "Скромный даритель"),
            ),
        ];
        self.facilities = vec![
            facility(
                "WH-ASTANA",
                text(
                    "Central warehouse, Astana",
                    "Орталық қойма, Астана",
                    "Центральный склад, Астана",
                ),
            ),
            facility(
                "H-JEZQAZGHAN",
                text(
                    "Jezqazghan hospital",
                    "Жезқазған ауруханасы",
                    "Больница Жезказгана",
                ),
            ),
            facility(
                "H-AQTAU",
                text(
                    "Aktau regional hospital",
                    "Ақтау облыстық ауруханасы",
                    "Областная больница Актау",
                ),
            ),
        ];
    }

    fn tests_in_all_regions(&mut self) {
        for (index, (region_id, ..)) in (0_i64..).zip(REGIONS) {
            let amount = if region_id == "KZ-71" {
                74_310
            } else {
                (index * 37 % 23) * 310
            };
            let used = if region_id == "KZ-71" {
                2_400
            } else {
                amount / 3
            };
            let on_the_way = if index % 5 == 2 { 1_500 } else { 0 };
            let mut row = stock(
                region_id,
                "TEST-SARS2",
                amount,
                amount / 10,
                on_the_way,
                used,
            );
            if region_id == "KZ-47" {
                (row.held, row.available) = (120, row.available - 120);
                (row.lost, row.disposed) = (200, 48);
            }
            if amount + on_the_way > 0 {
                self.stock.push(row);
            }
        }
        let on_the_way = self.stock.iter().map(|row| row.in_transit).sum();
        let mut rows = self.stock.iter_mut();
        if let Some(from) = rows.find(|row| row.region_id == "KZ-71") {
            from.in_transit_out = on_the_way;
        }
    }

    fn some_requests(&self) -> Vec<RequestRow> {
        use RequestPriority::{Asap, Routine, Stat, Urgent};
        use RequestState::{Approved, Filed, PartlyAllocated, PartlyFulfilled};
        [
            (Stat, PartlyFulfilled),
            (Asap, Filed),
            (Urgent, PartlyAllocated),
            (Routine, Approved),
        ]
        .into_iter()
        .zip(0..)
        .map(|((priority, state), index)| self.request(index, priority, state))
        .collect()
    }

    /// One open request with two lines.
    pub fn request(
        &self,
        index: i64,
        priority: RequestPriority,
        state: RequestState,
    ) -> RequestRow {
        let facility = &self.facilities[if index % 2 == 0 { 1 } else { 2 }];
        let decided = state != RequestState::Filed;
        let line = |line, commodity_id: &str, item_id: &str, requested| RequestLine {
            line,
            commodity_id: commodity_id.to_owned(),
            item_id: item_id.to_owned(),
            requested,
            approved: if decided { requested - 1 } else { 0 },
            allocated: if decided { requested / 2 } else { 0 },
            received: if state == RequestState::PartlyFulfilled {
                requested / 4
            } else {
                0
            },
            ..RequestLine::default()
        };
        RequestRow {
            request: Some(Request {
                request_id: format!("R-{index:03}XK"),
                facility_id: facility.facility_id.clone(),
                lines: vec![
                    line(1, "O2-CONCENTRATOR", "", 10 + index),
                    line(2, "TEST-SARS2", "TEST-PCR-1", 4_800),
                ],
                priority: priority.into(),
                needed_by: if index % 2 == 0 {
                    "2020-05-15".to_owned()
                } else {
                    String::new()
                },
                state: state.into(),
                ..Default::default()
            }),
            facility_name: facility.name.clone(),
            region_id: if index % 2 == 0 { "KZ-62" } else { "KZ-47" }.to_owned(),
            filed_at: Some(at(3 + index, 60 * 11)),
        }
    }
}

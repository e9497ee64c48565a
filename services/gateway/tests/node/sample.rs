//! Sample data. Invented, apart from the names of regions.

use keruen_proto::{
    inventory::v1::{Batch, Donation, DonationState, PledgeLine, ReceiptOutcome},
    log::v1::{OccurredAt, TimePrecision},
    registry::v1::{Commodity, Facility, Item, LocalizedText, Money, Organisation, Region},
    requests::v1::{Request, RequestLine, RequestPriority, RequestState},
    stock::v1::{GetTraceResponse, RequestRow, StockRow, TraceBatch, TracePlace, TraceStatus, TraceStep},
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
    pub traces: Vec<GetTraceResponse>,
    pub requests: Vec<RequestRow>,
    pub requests_token: String,
    pub position: u64,
}

/// Code and names of every region of today.
pub const REGIONS: [(&str, &str, &str, &str); 20] = [
    ("KZ-10", "Abai Region", "Абай облысы", "область Абай"),
    ("KZ-11", "Akmola Region", "Ақмола облысы", "Акмолинская область"),
    ("KZ-15", "Aktobe Region", "Ақтөбе облысы", "Актюбинская область"),
    ("KZ-19", "Almaty Region", "Алматы облысы", "Алматинская область"),
    ("KZ-23", "Atyrau Region", "Атырау облысы", "Атырауская область"),
    ("KZ-27", "West Kazakhstan Region", "Батыс Қазақстан облысы", "Западно-Казахстанская область"),
    ("KZ-31", "Jambyl Region", "Жамбыл облысы", "Жамбылская область"),
    ("KZ-33", "Jetisu Region", "Жетісу облысы", "область Жетісу"),
    ("KZ-35", "Karaganda Region", "Қарағанды облысы", "Карагандинская область"),
    ("KZ-39", "Kostanay Region", "Қостанай облысы", "Костанайская область"),
    ("KZ-43", "Kyzylorda Region", "Қызылорда облысы", "Кызылординская область"),
    ("KZ-47", "Mangystau Region", "Маңғыстау облысы", "Мангистауская область"),
    ("KZ-55", "Pavlodar Region", "Павлодар облысы", "Павлодарская область"),
    ("KZ-59", "North Kazakhstan Region", "Солтүстік Қазақстан облысы", "Северо-Казахстанская область"),
    ("KZ-61", "Turkistan Region", "Түркістан облысы", "Туркестанская область"),
    ("KZ-62", "Ulytau Region", "Ұлытау облысы", "область Улытау"),
    ("KZ-63", "East Kazakhstan Region", "Шығыс Қазақстан облысы", "Восточно-Казахстанская область"),
    ("KZ-71", "Astana", "Астана", "Астана"),
    ("KZ-75", "Almaty", "Алматы", "Алматы"),
    ("KZ-79", "Shymkent", "Шымкент", "Шымкент"),
];

pub fn text(en: &str, kk: &str, ru: &str) -> LocalizedText {
    LocalizedText { en: en.to_owned(), kk: kk.to_owned(), ru: ru.to_owned() }
}

pub fn commodity(id: &str, name: LocalizedText) -> Commodity {
    Commodity { commodity_id: id.to_owned(), name: Some(name), base_unit: "EA".to_owned() }
}

fn item(id: &str, commodity_id: &str, name: LocalizedText) -> Item {
    Item { item_id: id.to_owned(), commodity_id: commodity_id.to_owned(), name: Some(name), ..Default::default() }
}

pub fn organisation(id: &str, name: LocalizedText) -> Organisation {
    Organisation { organisation_id: id.to_owned(), name: Some(name), ..Default::default() }
}

fn facility(id: &str, name: LocalizedText) -> Facility {
    Facility { facility_id: id.to_owned(), name: Some(name), ..Default::default() }
}

/// A row that keeps its own sums.
pub fn stock(region_id: &str, commodity_id: &str, on_hand: i64, reserved: i64, in_transit: i64, consumed: i64) -> StockRow {
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

pub fn at(day: i64, minute: i64) -> Option<OccurredAt> {
    // Day 0 is 2020-04-01, midnight in Astana.
    let time_us = (1_585_677_600 + day * 86_400 + minute * 60) * 1_000_000;
    Some(OccurredAt {
        time_us,
        utc_offset_minutes: 360,
        precision: TimePrecision::Minute.into(),
        clamped: false,
    })
}

fn place(status: TraceStatus, facility: &Facility, region_id: &str, quantity: i64) -> TracePlace {
    TracePlace {
        status: status.into(),
        facility_id: facility.facility_id.clone(),
        facility_name: facility.name.clone(),
        region_id: region_id.to_owned(),
        quantity,
        owner_id: "MOH".to_owned(),
        ..Default::default()
    }
}

fn step(position: u64, day: i64, kind: &str, from: &str, to: &str, quantity: i64) -> TraceStep {
    TraceStep {
        position,
        event_id: format!("00000000-0000-0000-0000-000000000000/{position}"),
        r#type: format!("keruen.{kind}"),
        occurred_at: at(day, 9 * 60 + i64::try_from(position).unwrap() * 7 % 480),
        from_facility_id: from.to_owned(),
        facility_id: to.to_owned(),
        quantity,
        ..Default::default()
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
        Self { regions: REGIONS.into_iter().map(region).collect(), ..Default::default() }
    }

    /// A small story: tests, concentrators and vehicles, given by three donors.
    pub fn story() -> Self {
        let mut sample = Self { position: 1_284, ..Self::empty() };
        sample.master_data();
        sample.tests_in_all_regions();
        sample.stock.push(stock("KZ-71", "O2-CONCENTRATOR", 40, 12, 0, 0));
        sample.stock.push(stock("KZ-62", "O2-CONCENTRATOR", 6, 0, 4, 0));
        sample.traces = vec![sample.anonymous_donation(), sample.money_for_laboratories(), sample.tests_donation()];
        sample.requests = sample.some_requests();
        sample
    }

    fn master_data(&mut self) {
        let tests = text("SARS-CoV-2 test", "SARS-CoV-2 тесті", "Тест на SARS-CoV-2");
        let oxygen = text("Oxygen concentrator", "Оттегі концентраторы", "Кислородный концентратор");
        let laboratory = text("Mobile PCR laboratory", "Жылжымалы ПТР-зертхана", "Передвижная ПЦР-лаборатория");
        self.commodities = vec![
            commodity("LAB-PCR-MOBILE", laboratory),
            commodity("O2-CONCENTRATOR", oxygen.clone()),
            commodity("TEST-SARS2", tests.clone()),
        ];
        self.items = vec![
            item("TEST-PCR-1", "TEST-SARS2", text("PCR test, 96 wells", "ПТР-тест, 96 ұяшық", "ПЦР-тест, 96 лунок")),
            item("O2-10L", "O2-CONCENTRATOR", oxygen),
        ];
        self.organisations = vec![
            organisation("KASPI", text("Kaspi Bank", "Kaspi Bank", "Kaspi Bank")),
            organisation("UTEMURATOV", text("Bulat Utemuratov Fund", "Болат Өтемұратов қоры", "Фонд Булата Утемуратова")),
            organisation("MOH", text("Ministry of Health", "Денсаулық сақтау министрлігі", "Министерство здравоохранения")),
            organisation("BIRGEMIZ", text("Volunteers «Birgemiz»", "«Біргеміз» еріктілері", "Волонтёры «Біргеміз»")),
            organisation("SHY-DONOR", text("Shy Giver Ltd", "Ұялшақ беруші", "Скромный даритель")),
        ];
        self.facilities = vec![
            facility("WH-ASTANA", text("Central warehouse, Astana", "Орталық қойма, Астана", "Центральный склад, Астана")),
            facility("H-JEZQAZGHAN", text("Jezqazghan hospital", "Жезқазған ауруханасы", "Больница Жезказгана")),
            facility("H-AQTAU", text("Aktau regional hospital", "Ақтау облыстық ауруханасы", "Областная больница Актау")),
        ];
    }

    fn tests_in_all_regions(&mut self) {
        for (index, (region_id, ..)) in (0_i64..).zip(REGIONS) {
            let amount = if region_id == "KZ-71" { 74_310 } else { (index * 37 % 23) * 310 };
            let used = if region_id == "KZ-71" { 2_400 } else { amount / 3 };
            let on_the_way = if index % 5 == 2 { 1_500 } else { 0 };
            let mut row = stock(region_id, "TEST-SARS2", amount, amount / 10, on_the_way, used);
            if region_id == "KZ-47" {
                (row.held, row.available) = (120, row.available - 120);
                (row.lost, row.disposed) = (200, 48);
            }
            if amount + on_the_way > 0 {
                self.stock.push(row);
            }
        }
    }

    fn tests_donation(&self) -> GetTraceResponse {
        let [warehouse, jezqazghan, aqtau] = &self.facilities[..] else { panic!("three facilities") };
        let on_the_way = TracePlace {
            shipment_id: "S-7QK2M".to_owned(),
            custodian_id: "BIRGEMIZ".to_owned(),
            ..place(TraceStatus::InTransit, aqtau, "KZ-47", 8_000)
        };
        let places = vec![
            TracePlace { reserved: 6_000, held: 40, ..place(TraceStatus::OnHand, warehouse, "KZ-71", 71_910) },
            on_the_way.clone(),
            TracePlace { quantity: 200, status: TraceStatus::Missing.into(), ..on_the_way },
            place(TraceStatus::OnHand, jezqazghan, "KZ-62", 11_890),
            place(TraceStatus::Consumed, jezqazghan, "KZ-62", 7_900),
            place(TraceStatus::Disposed, jezqazghan, "KZ-62", 60),
            place(TraceStatus::Lost, aqtau, "KZ-47", 40),
        ];
        let shipped = |step: TraceStep, shipment: &str, request: &str| TraceStep {
            shipment_id: shipment.to_owned(),
            request_id: request.to_owned(),
            ..step
        };
        let good = ReceiptOutcome::Good.into();
        let damaged = ReceiptOutcome::Damaged.into();
        let dispatched = "shipments.v1.ShipmentDispatched";
        let steps = vec![
            TraceStep { outcome: good, ..step(12, 1, "inventory.v1.DonationReceived", "", "WH-ASTANA", 99_960) },
            TraceStep { outcome: damaged, ..step(12, 1, "inventory.v1.DonationReceived", "", "WH-ASTANA", 40) },
            shipped(step(31, 2, "shipments.v1.ShipmentAllocated", "WH-ASTANA", "H-JEZQAZGHAN", 19_850), "S-4RT8C", "R-2HX9P"),
            shipped(step(33, 2, dispatched, "WH-ASTANA", "H-JEZQAZGHAN", 19_850), "S-4RT8C", "R-2HX9P"),
            shipped(
                TraceStep { outcome: good, ..step(48, 4, "shipments.v1.ShipmentReceived", "WH-ASTANA", "H-JEZQAZGHAN", 19_850) },
                "S-4RT8C",
                "R-2HX9P",
            ),
            step(61, 6, "inventory.v1.StockConsumed", "", "H-JEZQAZGHAN", 7_900),
            step(64, 6, "inventory.v1.StockDisposed", "", "H-JEZQAZGHAN", 60),
            shipped(step(70, 7, dispatched, "WH-ASTANA", "H-AQTAU", 8_240), "S-7QK2M", ""),
            shipped(step(92, 9, "shipments.v1.LossActAccepted", "WH-ASTANA", "H-AQTAU", 40), "S-7QK2M", ""),
        ];
        let batch = Batch {
            batch_id: "B-9M4WQ".to_owned(),
            donation_id: "D-KASPI-1".to_owned(),
            item_id: "TEST-PCR-1".to_owned(),
            lot: "L20-0417".to_owned(),
            expires_on: "2021-03-31".to_owned(),
            quantity: 100_000,
            ..Default::default()
        };
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-KASPI-1".to_owned(),
                donor_id: "KASPI".to_owned(),
                recipient_id: "MOH".to_owned(),
                lines: vec![pledged("TEST-SARS2", 100_000, 100_000)],
                state: DonationState::Received.into(),
                batch_ids: vec![batch.batch_id.clone()],
                ..Default::default()
            }),
            donor_name: self.organisations[0].name.clone(),
            batches: vec![TraceBatch { batch: Some(batch), item_name: self.items[0].name.clone(), places, steps }],
            ..Default::default()
        }
    }

    fn money_for_laboratories(&self) -> GetTraceResponse {
        let dollars = |minor_units| Some(Money { currency_code: "USD".to_owned(), minor_units });
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-UTEM-2".to_owned(),
                donor_id: "UTEMURATOV".to_owned(),
                recipient_id: "MOH".to_owned(),
                lines: vec![pledged("LAB-PCR-MOBILE", 2, 0)],
                money: dollars(400_000_000),
                money_spent: dollars(123_456_789),
                state: DonationState::Pledged.into(),
                expected_on: "2020-06-30".to_owned(),
                ..Default::default()
            }),
            donor_name: self.organisations[1].name.clone(),
            ..Default::default()
        }
    }

    /// The donor is named everywhere that the page must not look: as donor, owner and custodian.
    fn anonymous_donation(&self) -> GetTraceResponse {
        let donor = self.organisations[4].clone();
        let owned = TracePlace {
            owner_id: donor.organisation_id.clone(),
            custodian_id: donor.organisation_id.clone(),
            serial_numbers: vec!["SN-0001".to_owned(), "SN-0002".to_owned()],
            ..place(TraceStatus::OnHand, &self.facilities[0], "KZ-71", 2)
        };
        let batch = Batch { batch_id: "B-2TT7K".to_owned(), item_id: "O2-10L".to_owned(), quantity: 2, ..Default::default() };
        GetTraceResponse {
            donation: Some(Donation {
                donation_id: "D-QUIET-3".to_owned(),
                donor_id: donor.organisation_id.clone(),
                recipient_id: donor.organisation_id,
                anonymous: true,
                batch_ids: vec![batch.batch_id.clone()],
                state: DonationState::PartlyReceived.into(),
                ..Default::default()
            }),
            donor_name: donor.name,
            batches: vec![TraceBatch {
                batch: Some(batch),
                item_name: self.items[1].name.clone(),
                places: vec![owned],
                steps: vec![step(80, 8, "inventory.v1.DonationReceived", "", "WH-ASTANA", 2)],
            }],
            ..Default::default()
        }
    }

    fn some_requests(&self) -> Vec<RequestRow> {
        use RequestPriority::{Asap, Routine, Stat, Urgent};
        use RequestState::{Approved, Filed, PartlyAllocated, PartlyFulfilled};
        [(Stat, PartlyFulfilled), (Asap, Filed), (Urgent, PartlyAllocated), (Routine, Approved)]
            .into_iter()
            .zip(0..)
            .map(|((priority, state), index)| self.request(index, priority, state))
            .collect()
    }

    /// One open request with two lines.
    pub fn request(&self, index: i64, priority: RequestPriority, state: RequestState) -> RequestRow {
        let facility = &self.facilities[1 + usize::try_from(index).unwrap() % 2];
        let decided = state != RequestState::Filed;
        let line = |line, commodity_id: &str, item_id: &str, requested| RequestLine {
            line,
            commodity_id: commodity_id.to_owned(),
            item_id: item_id.to_owned(),
            requested,
            approved: if decided { requested - 1 } else { 0 },
            allocated: if decided { requested / 2 } else { 0 },
            received: if state == RequestState::PartlyFulfilled { requested / 4 } else { 0 },
        };
        RequestRow {
            request: Some(Request {
                request_id: format!("R-{index:03}XK"),
                facility_id: facility.facility_id.clone(),
                lines: vec![line(1, "O2-CONCENTRATOR", "", 10 + index), line(2, "TEST-SARS2", "TEST-PCR-1", 4_800)],
                priority: priority.into(),
                needed_by: if index % 2 == 0 { "2020-05-15".to_owned() } else { String::new() },
                state: state.into(),
                ..Default::default()
            }),
            facility_name: facility.name.clone(),
            region_id: if index % 2 == 0 { "KZ-62" } else { "KZ-47" }.to_owned(),
            filed_at: at(3 + index, 60 * 11),
        }
    }
}

fn pledged(commodity_id: &str, quantity: i64, received: i64) -> PledgeLine {
    PledgeLine { line: 1, commodity_id: commodity_id.to_owned(), item_id: String::new(), quantity, received }
}

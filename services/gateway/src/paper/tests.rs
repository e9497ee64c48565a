//! Papers as people read them.

use keruen_proto::{
    registry::v1::LocalizedText,
    shipments::v1::{
        CustodyLeg, MissingUnits, Parcel, ReportedLoss, SealState, ShipmentLine, ShipmentParcel,
        ShipmentUnits,
    },
};

use super::*;

fn localized(kk: &str, ru: &str) -> LocalizedText {
    LocalizedText {
        kk: kk.to_owned(),
        ru: ru.to_owned(),
        ..LocalizedText::default()
    }
}

fn units(quantity: i64) -> ShipmentUnits {
    ShipmentUnits {
        line: 1,
        units: Some(StockUnits {
            batch_id: "B-1".to_owned(),
            item_id: "MASK".to_owned(),
            lot: "L & <7>".to_owned(),
            expires_on: "2099-12-31".to_owned(),
            quantity,
            ..StockUnits::default()
        }),
        ..ShipmentUnits::default()
    }
}

/// 40 masks in a sealed box; two were missing, of which the store answers for one.
fn shipment() -> Shipment {
    let leg = |custodian_id: &str, person: &str| CustodyLeg {
        custodian_id: custodian_id.to_owned(),
        signed_by_ref: person.to_owned(),
        basis: Some(CustodyBasis::Sealed.into()),
        ..CustodyLeg::default()
    };
    let share = |liable_id: &str| MissingUnits {
        liable_id: liable_id.to_owned(),
        quantity: 1,
        ..MissingUnits::default()
    };
    Shipment {
        shipment_id: "ROAD".to_owned(),
        origin_id: "NORTH".to_owned(),
        destination_id: "HOSP".to_owned(),
        sender_id: "FUND".to_owned(),
        custodian_id: "DRIVERS".to_owned(),
        lines: vec![ShipmentLine {
            line: 1,
            item_id: "MASK".to_owned(),
            quantity: 40,
            ..ShipmentLine::default()
        }],
        lots: vec![ShipmentLot {
            shipment_units: Some(units(40)),
            received_good: 38,
            missing: 2,
            missing_by_liable: vec![share("FUND"), share("HAULER")],
            ..ShipmentLot::default()
        }],
        legs: vec![leg("HAULER", "person:7"), leg("DRIVERS", "person:8")],
        parcels: vec![ShipmentParcel {
            parcel: Some(Parcel {
                sscc: "340123450000000000".to_owned(),
                seal_number: "A-1".to_owned(),
                contents: vec![units(40)],
                weight_g: 12_400,
                volume_ml: 0,
            }),
            seal_state: SealState::Intact.into(),
            contents_liable_id: "FUND".to_owned(),
        }],
        ..Shipment::default()
    }
}

fn names() -> Names {
    let facility = |code: &str| Named::Facility(code.to_owned());
    let organisation = |code: &str| Named::Organisation(code.to_owned());
    let item = |code: &str| Named::Item(code.to_owned());
    [
        (
            facility("NORTH"),
            localized("Солтүстік қойма", "Северный склад"),
        ),
        (facility("HOSP"), localized("Аурухана", "Больница")),
        (item("MASK"), localized("Бетперде", "Маска")),
        (organisation("FUND"), localized("Қор", "Фонд")),
        // Things of different kinds may have the same code.
        (organisation("HOSP"), localized("Сенім", "Траст")),
        (facility("FUND"), localized("Үй", "Дом")),
    ]
    .into_iter()
    .collect()
}

/// What people read: the page without its tags and style.
fn read(html: &str) -> String {
    let body = html.split("<body>").nth(1).expect("a body");
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        rest = tag.split_once('>').expect("a tag ends").1;
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn printing(document: Document, language: Language) -> Printing<'static> {
    Printing {
        document,
        language,
        printed_on: "2099-01-02",
        style: None,
    }
}

fn paper(document: Document, language: Language) -> String {
    render(&shipment(), &names(), printing(document, language)).expect("a paper")
}

#[test]
fn a_waybill_tells_who_carries_what_from_where_to_where() {
    let html = paper(Document::Waybill, Language::Ru);
    let text = read(&html);
    for part in [
        "Накладная",
        "Отправление: ROAD",
        "Откуда Северный склад (NORTH)",
        "Куда Больница (HOSP)",
        "Отправитель Фонд (FUND)",
        "Перевозчик DRIVERS",
        "1 Маска (MASK) B-1",
        "340123450000000000 A-1 MASK × 40 12,4",
        "Сдал Ф. И. О. Подпись Дата",
        "Напечатано: 2099-01-02",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    // What people wrote can't become part of the page.
    assert!(html.contains("L &#38; &#60;7&#62;"), "{html}");
    assert!(html.contains("@page { size: A4;"));
    assert!(!text.contains("Жүкқұжат"));
}

#[test]
fn papers_speak_kazakh_or_both_languages() {
    let kazakh = read(&paper(Document::Receipt, Language::Kk));
    assert!(kazakh.contains("Қабылдау актісі") && kazakh.contains("Қайда Аурухана (HOSP)"));
    assert!(!kazakh.contains("Акт приёмки"));
    let both = read(&paper(Document::Receipt, Language::Both));
    assert!(both.contains("Қабылдау актісі / Акт приёмки"), "{both}");
    assert!(both.contains("Аурухана / Больница (HOSP)"), "{both}");
    // 38 came in good condition, none was unusable, two are missing.
    assert!(both.contains("40 38 0 2 0"), "{both}");
}

#[test]
fn a_hand_over_act_names_both_hands() {
    let text = read(&paper(Document::HandOverAct, Language::Ru));
    for part in [
        "Кто сдал HAULER",
        "Кто принял DRIVERS",
        "Подписал person:8",
        "за опломбированные места",
        "Замечания",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn a_loss_act_says_who_answers_for_how_much() {
    let text = read(&paper(Document::LossAct, Language::Ru));
    for part in [
        "1 Маска (MASK) B-1 40 1 0 Фонд (FUND)",
        "2 Маска (MASK) B-1 40 1 0 HAULER",
        "освобождён от ответственности",
        "Член комиссии",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn a_loss_act_names_the_same_ones_after_it_was_accepted() {
    let mut settled = shipment();
    for lot in &mut settled.lots {
        (lot.lost, lot.missing) = (std::mem::take(&mut lot.missing), 0);
        lot.lost_by_liable = std::mem::take(&mut lot.missing_by_liable);
    }
    settled.reported_losses = vec![ReportedLoss {
        units: Some(units(1)),
        cause: LossCause::Theft.into(),
        liable_id: "HAULER".to_owned(),
    }];
    let printing = printing(Document::LossAct, Language::Ru);
    let text = read(&render(&settled, &names(), printing).expect("a paper"));
    for part in [
        "1 Маска (MASK) B-1 40 0 1 Фонд (FUND)",
        "2 Маска (MASK) B-1 40 0 1 HAULER",
        "Сообщено об утрате в пути",
        "1 Маска (MASK) B-1 1 кража или ограбление HAULER",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!(named(&settled), named(&shipment()));
}

#[test]
fn what_has_not_happened_has_no_paper() {
    let mut waiting = shipment();
    waiting.legs.clear();
    for lot in &mut waiting.lots {
        lot.missing = 0;
    }
    let refused = |shipment: &Shipment, document| {
        let made = render(shipment, &names(), printing(document, Language::Kk));
        made.expect_err("no such paper").to_string()
    };
    assert!(refused(&waiting, Document::HandOverAct).contains("dispatch it first"));
    assert!(refused(&waiting, Document::Receipt).contains("dispatch it first"));
    assert!(refused(&waiting, Document::LossAct).contains("missing or lost"));
    waiting.lots.clear();
    assert!(refused(&waiting, Document::PickList).contains("allocate it first"));
}

#[test]
fn the_code_tells_which_paper_it_is() {
    let picture = |text: &str| {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).expect("a code");
        let mut picture = code.render::<svg::Color<'_>>();
        let picture = picture.min_dimensions(QR_PX, QR_PX).build();
        picture[picture.find("<svg").expect("a picture")..].to_owned()
    };
    let html = paper(Document::PickList, Language::Kk);
    assert!(html.contains(&picture("keruen:shipment/ROAD/pick-list")));
    assert!(!html.contains(&picture("keruen:shipment/ROAD/waybill")));
}

#[test]
fn weights_are_told_in_kilograms() {
    let told = [0, 12_400, 5_000, 1, 1_050].map(kilograms);
    assert_eq!(told, ["", "12,4", "5", "0,001", "1,05"]);
}

#[test]
fn a_paper_has_its_style_within_or_elsewhere() {
    let within = paper(Document::Waybill, Language::Kk);
    assert!(within.contains("<style>") && !within.contains("<link"));
    let elsewhere = Printing {
        style: Some("/assets/paper.css?v=1"),
        ..printing(Document::Waybill, Language::Kk)
    };
    let elsewhere = render(&shipment(), &names(), elsewhere).expect("a paper");
    assert!(elsewhere.contains(r#"<link rel="stylesheet" href="/assets/paper.css?v=1">"#));
    assert!(!elsewhere.contains("style=") && !elsewhere.contains("<style"));
}

#[test]
fn a_paper_asks_for_the_names_of_what_it_tells() {
    let asked: Vec<Named> = named(&shipment()).into_iter().collect();
    let organisation = |code: &str| Named::Organisation(code.to_owned());
    let facility = |code: &str| Named::Facility(code.to_owned());
    assert_eq!(
        asked,
        [
            organisation("DRIVERS"),
            organisation("FUND"),
            organisation("HAULER"),
            facility("HOSP"),
            facility("NORTH"),
            Named::Item("MASK".to_owned()),
        ]
    );
}

//! What has expired is there, and nobody may use it.

use keruen_domain::{
    registry::SetMinimumReserve,
    stock::{NewStock, OpenStock},
};
use keruen_proto::{reports::v1::ListReordersRequest, stock::v1::ListShortagesRequest};

use super::{
    history::{FACILITIES, History, code, quantity},
    past::chronicle,
    stores::{open, served},
};
use crate::{
    attention::ShortagesQuery,
    copies::Place,
    report::{Missing, ReorderQuery},
    view::CURRENT,
};

#[test]
fn what_has_expired_is_missing_in_reserves_and_orders() {
    let mut history = History::new(&[]);
    let facility_id = code(FACILITIES[0].0);
    history.expect(&SetMinimumReserve {
        facility_id: facility_id.clone(),
        commodity_id: code("TEST"),
        quantity: Some(quantity(70)),
    });
    let line = |batch_id: &str, units: i64, expires_on: Option<&str>| NewStock {
        item_id: code("TEST-A"),
        quantity: quantity(units),
        lot: None,
        expires_on: expires_on.map(|day| day.parse().unwrap()),
        owner_id: Some(code("MOH")),
        serial_numbers: Vec::new(),
        unit_value: None,
        held: false,
        batch_id: code(batch_id),
    };
    history.expect(&OpenStock {
        facility_id,
        lines: vec![
            line("SOON", 50, Some("2027-06-30")),
            line("LATER", 15, Some("2028-06-30")),
            line("NEVER", 10, None),
        ],
        documents: Vec::new(),
    });
    let (dir, served) = (tempfile::tempdir().unwrap(), served());
    let folder = Place::Folder(dir.path().to_owned());
    for place in [&folder, &served.place] {
        let mut past = chronicle(place, &history.events, 5);
        let mut current = open(place, &CURRENT);
        assert_eq!(current.apply(&history.events).unwrap().defect, None);
        // The last day of use is one of them.
        for (today, available) in [
            ("2027-06-30", 75),
            ("2027-07-01", 25),
            ("2028-06-30", 25),
            ("2028-07-01", 10),
        ] {
            let today = today.parse().unwrap();
            let asked = ListReordersRequest {
                show_enough: true,
                ..ListReordersRequest::default()
            };
            let query = ReorderQuery::parse(&asked).unwrap().without(Missing::new());
            let rows = query.answer(past.connection(), today).unwrap().rows;
            let found: Vec<_> = rows
                .iter()
                .map(|row| (row.available, row.suggested))
                .collect();
            assert_eq!(found, [(available, (70 - available).max(0))], "{today}");
            let query = ShortagesQuery::parse(&ListShortagesRequest::default()).unwrap();
            let rows = query.answer(current.connection(), today).unwrap().rows;
            let found: Vec<_> = rows.iter().map(|row| (row.available, row.short)).collect();
            let wanted: Vec<_> = [(available, 70 - available)]
                .into_iter()
                .filter(|(_, short)| *short > 0)
                .collect();
            assert_eq!(found, wanted, "{today}");
        }
    }
}

//! Goods that nobody can name yet.

use keruen_domain::{
    Boundary, Entry,
    donation::PledgeDonation,
    stock::NewStock,
    unidentified::{IdentifyGoods, ReceiveUnidentifiedGoods},
};
use keruen_proto::{Event, inventory::v1::UnidentifiedGoods};

use crate::{story::Story, world::*};

pub fn arrived(packages: i64) -> ReceiveUnidentifiedGoods {
    ReceiveUnidentifiedGoods {
        goods_id: code("G1"),
        facility_id: code("WH"),
        packages: quantity(packages),
        donation_id: None,
        description_ref: Some(label("photo:118")),
        documents: Vec::new(),
    }
}

pub fn identify(packages: i64, lines: Vec<NewStock>) -> IdentifyGoods {
    IdentifyGoods {
        goods_id: code("G1"),
        packages: Some(quantity(packages)),
        lines,
        donation_id: None,
        documents: Vec::new(),
    }
}

fn of(donation_id: &str, command: IdentifyGoods) -> IdentifyGoods {
    IdentifyGoods {
        donation_id: Some(code(donation_id)),
        ..command
    }
}

fn goods(story: &Story) -> UnidentifiedGoods {
    match story.read(&Boundary::Goods(code("G1"))) {
        Entry::Goods(goods) => goods,
        other => panic!("{other:?}"),
    }
}

fn pledged() -> Story {
    Story::new().after(PledgeDonation {
        ..pledge("D1", &[("GLOVES", 500)])
    })
}

#[test]
fn packages_are_in_no_books_until_it_is_known_what_they_hold() {
    let story = pledged().after(arrived(5));
    assert_eq!(
        (goods(&story).packages, goods(&story).identified_packages),
        (5, 0)
    );
    assert!(
        !story
            .events
            .iter()
            .any(|it| matches!(it, Event::StockEntered(_)))
    );
    // Two hold gloves of nobody known.
    let story = story.after(identify(2, vec![new_stock("GLOVE", 40, "N1")]));
    let Entry::Batch(batch) = story.read(&Boundary::Batch(code("N1"))) else {
        panic!("a batch")
    };
    assert_eq!(
        (&*batch.donation_id, &*batch.owner_id, batch.quantity),
        ("UNATTRIBUTED", "UNATTRIBUTED", 40)
    );
    // Two more are a part of a donation, and one holds nothing of use.
    let story = story
        .after(of("D1", identify(2, vec![new_stock("GLOVE", 60, "N2")])))
        .after(IdentifyGoods {
            packages: None,
            ..identify(1, Vec::new())
        });
    let Entry::Donation(donation) = story.read(&Boundary::Donation(code("D1"))) else {
        panic!("a donation")
    };
    assert_eq!(donation.lines[0].received, 60);
    assert_eq!(goods(&story).identified_packages, 5);
    assert_eq!(goods(&story).batch_ids, ["N1", "N2"]);
    assert_eq!(story.violations(), Vec::<String>::new());
    story
        .when(identify(1, vec![new_stock("GLOVE", 1, "N3")]))
        .refused("ALREADY_IDENTIFIED");
}

#[test]
fn goods_are_what_can_be() {
    let story = pledged().after(arrived(5));
    story.clone().when(arrived(5)).refused("GOODS_EXIST");
    let nowhere = ReceiveUnidentifiedGoods {
        goods_id: code("G2"),
        facility_id: code("NOWHERE"),
        ..arrived(1)
    };
    story.clone().when(nowhere).refused("UNKNOWN_FACILITY");
    let of_nobody = ReceiveUnidentifiedGoods {
        goods_id: code("G2"),
        donation_id: Some(code("D9")),
        ..arrived(1)
    };
    story.clone().when(of_nobody).refused("UNKNOWN_DONATION");
    let unknown = IdentifyGoods {
        goods_id: code("G9"),
        ..identify(1, Vec::new())
    };
    story.clone().when(unknown).refused("UNKNOWN_GOODS");
    story
        .clone()
        .when(identify(6, Vec::new()))
        .refused("TOO_MANY_PACKAGES")
        .saying(&["6 packages", "5 are left"]);
    story
        .clone()
        .when(identify(1, vec![new_stock("NOTHING", 1, "N1")]))
        .refused("UNKNOWN_ITEM");
    // What a donation did not promise does not become a part of it.
    story
        .when(of("D1", identify(1, vec![new_stock("PCR", 1, "N1")])))
        .refused("NOT_PLEDGED");
}

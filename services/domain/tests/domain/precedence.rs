//! Which of several faults answers: first what is missing or must not be there, then the state, then the lines, then
//! quantities. Each ladder is one command with many faults, of which one after the other is put right.

use keruen_domain::{
    Boundary, Command,
    donation::{PledgeDonation, ReceiptLine, ReceiveDonation, SpendDonatedMoney},
    limits,
    registry::VerifyOrganisation,
    rejection::Stage,
    request::FileRequest,
    shipment::RequestShipment,
    stock::AdjustStock,
};
use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    registry::v1::{ExternalId, Facility},
};

use crate::{
    amendment::{amend, close, move_to, retire},
    story::Story,
    verification::verify,
    world::*,
};

struct Ladder {
    story: Story,
    stages: Vec<Stage>,
}

impl Ladder {
    fn new(story: Story) -> Self {
        Self {
            story,
            stages: Vec::new(),
        }
    }

    #[track_caller]
    fn step(mut self, command: impl Command, reason: &str) -> Self {
        self.stages
            .push(self.story.clone().when(command).refused(reason).0.stage());
        self
    }

    #[track_caller]
    fn top(self, command: impl Command) {
        assert!(self.stages.is_sorted(), "{:?}", self.stages);
        assert_eq!(self.stages.last(), Some(&Stage::Quantities));
        self.story.when(command).accepted();
    }
}

fn stocked() -> Story {
    Story::new()
        .after(pledge("D1", &[("TEST", 100)]))
        .after(receive("D1", vec![line("RAPID", 50, "B1")]))
}

#[test]
fn of_pledges() {
    let huge = keruen_domain::code::MAX_QUANTITY;
    let faulty = || pledge("D1", &[("NOTHING", huge), ("TEST", huge)]);
    let mut twice = pledge("D2", &[("TEST", huge), ("TEST", huge)]);
    twice.lines[1].line = 1;
    Ladder::new(stocked())
        .step(
            PledgeDonation {
                donor_id: code("MOH"),
                ..faulty()
            },
            "DONATION_EXISTS",
        )
        .step(
            PledgeDonation {
                donor_id: code("MOH"),
                donation_id: code("D2"),
                ..faulty()
            },
            "UNKNOWN_COMMODITY",
        )
        .step(
            PledgeDonation {
                donor_id: code("MOH"),
                ..twice.clone()
            },
            "NOT_A_DONOR",
        )
        .step(twice, "DUPLICATE_LINE")
        .step(
            pledge("D2", &[("TEST", huge), ("TEST", huge)]),
            "QUANTITY_OVERFLOW",
        )
        .top(pledge("D2", &[("TEST", huge)]));
}

#[test]
fn of_receipts() {
    let faulty = |item_id: &str, batch_id: &str, second: &str| {
        let expired = ReceiptLine {
            expires_on: Some(date("2020-01-01")),
            ..line("RAPID", 100, second)
        };
        receive("D1", vec![line(item_id, 100, batch_id), expired])
    };
    Ladder::new(stocked())
        .step(
            ReceiveDonation {
                donation_id: code("D9"),
                ..faulty("NOTHING", "B1", "B1")
            },
            "UNKNOWN_DONATION",
        )
        .step(faulty("NOTHING", "B1", "B1"), "UNKNOWN_ITEM")
        .step(faulty("RAPID", "B1", "B1"), "BATCH_EXISTS")
        .step(faulty("RAPID", "B2", "B2"), "DUPLICATE_BATCH_ID")
        .step(faulty("RAPID", "B2", "B3"), "ALREADY_EXPIRED")
        .step(
            receive(
                "D1",
                vec![line("RAPID", 100, "B2"), line("RAPID", 100, "B3")],
            ),
            "RECEIPT_EXCEEDS_PLEDGE",
        )
        .top(receive(
            "D1",
            vec![line("RAPID", 25, "B2"), line("RAPID", 25, "B3")],
        ));
}

#[test]
fn of_spending() {
    let story = stocked().after(pledge_money("D2", 10));
    let bare = || ReceiptLine {
        expires_on: None,
        ..line("RAPID", 1, "B2")
    };
    Ladder::new(story)
        .step(
            SpendDonatedMoney {
                supplier_id: code("NOBODY"),
                ..spend("D1", 11, vec![bare()])
            },
            "UNKNOWN_ORGANISATION",
        )
        .step(spend("D1", 11, vec![bare()]), "NO_MONEY_PLEDGED")
        .step(spend("D2", 11, vec![bare()]), "EXPIRY_REQUIRED")
        .step(
            spend("D2", 11, vec![line("RAPID", 1, "B2")]),
            "INSUFFICIENT_FUNDS",
        )
        .top(spend("D2", 10, vec![line("RAPID", 1, "B2")]));
}

#[test]
fn of_adjustments() {
    use keruen_domain::stock::Change;
    use keruen_proto::inventory::v1::AdjustmentReason::{Found, Lost};
    let too_many = Change::Decrease(quantity(51));
    let numbered = |command: AdjustStock| AdjustStock {
        serial_numbers: labels(&["S1"]),
        ..command
    };
    Ladder::new(stocked())
        .step(numbered(adjust("B9", too_many, Found)), "UNKNOWN_BATCH")
        .step(
            numbered(adjust("B1", too_many, Found)),
            "REASON_DOES_NOT_FIT",
        )
        .step(
            numbered(adjust("B1", too_many, Lost)),
            "SERIAL_NUMBERS_NOT_EXPECTED",
        )
        .step(adjust("B1", too_many, Lost), "INSUFFICIENT_STOCK")
        .top(lose("B1", 50));
}

#[test]
fn of_holds() {
    let story = stocked().after(hold("B1"));
    story.clone().when(hold("B9")).refused("UNKNOWN_BATCH");
    story.when(hold("B1")).refused("ALREADY_HELD");
}

#[test]
fn of_releases() {
    use keruen_domain::quality::{Grounds, ReleaseBatch};
    use keruen_proto::inventory::v1::ReleaseVerdict;
    let of_lot = ReceiptLine {
        lot: Some(label("L1")),
        ..line("RAPID", 50, "B2")
    };
    let story = stocked()
        .after(receive("D1", vec![of_lot]))
        .after(recall("RAPID", "L1"));
    let unproven = |command: ReleaseBatch| ReleaseBatch {
        grounds: Grounds::Verdict(ReleaseVerdict::Tested),
        ..command
    };
    let refused = |story: &Story, command: ReleaseBatch, reason: &str| {
        let refusal = story.clone().when(command).refused(reason);
        refusal.0.stage()
    };
    let held = story.clone().after(hold("B2"));
    let stages = [
        refused(&story, unproven(release("B9")), "UNKNOWN_BATCH"),
        refused(&story, unproven(release("B2")), "NOT_HELD"),
        refused(&held, unproven(release("B2")), "VERDICT_WITHOUT_DOCUMENT"),
        refused(&held, release("B2"), "LOT_RECALLED"),
    ];
    assert!(stages.is_sorted());
    held.after(lift("RAPID", "L1")).after(release("B2"));
}

#[test]
fn of_units_released() {
    use keruen_domain::{quality::Grounds, stock::ReleaseStock};
    use keruen_proto::inventory::v1::ReleaseVerdict;
    let unproven = |command: ReleaseStock| ReleaseStock {
        serial_numbers: labels(&["S1"]),
        grounds: Grounds::Verdict(ReleaseVerdict::Tested),
        ..command
    };
    let numbered = |command: ReleaseStock| ReleaseStock {
        serial_numbers: labels(&["S1"]),
        ..command
    };
    Ladder::new(stocked().after(hold_here("B1", 5)))
        .step(unproven(release_here("B9", 6)), "UNKNOWN_BATCH")
        .step(unproven(release_here("B1", 6)), "VERDICT_WITHOUT_DOCUMENT")
        .step(
            numbered(release_here("B1", 6)),
            "SERIAL_NUMBERS_NOT_EXPECTED",
        )
        .step(release_here("B1", 6), "NOT_HELD_HERE")
        .top(release_here("B1", 5));
}

#[test]
fn of_openings() {
    use keruen_domain::stock::NewStock;
    let undated = |item_id: &str, amount: i64| NewStock {
        expires_on: None,
        ..new_stock(item_id, amount, "N1")
    };
    let huge = keruen_domain::code::MAX_QUANTITY;
    let gloves = |batch_id: &str| new_stock("GLOVE", huge, batch_id);
    Ladder::new(stocked())
        .step(
            open_books(vec![undated("RAPID", huge), new_stock("NOTHING", 1, "N2")]),
            "UNKNOWN_ITEM",
        )
        .step(
            open_books(vec![undated("RAPID", huge), gloves("N2")]),
            "BOOKS_OPEN_ALREADY",
        )
        .step(
            open_books(vec![undated("PCR", huge), gloves("N2")]),
            "EXPIRY_REQUIRED",
        )
        .step(
            open_books(vec![gloves("N1"), gloves("N2")]),
            "QUANTITY_OVERFLOW",
        )
        .top(open_books(vec![gloves("N1")]));
}

#[test]
fn of_counts() {
    use keruen_domain::stock::CountStock;
    let counting = stocked();
    let position = counting.position();
    let at = |command: CountStock| CountStock {
        counted_position: Some(position),
        ..command
    };
    Ladder::new(counting.after(consume("RAPID", 20)))
        .step(
            at(count("C1", "RAPID", &[("B1", 19), ("B1", 19), ("B9", 1)])),
            "UNKNOWN_BATCH",
        )
        .step(
            at(count("C1", "RAPID", &[("B1", 19), ("B1", 19)])),
            "DUPLICATE_LOT",
        )
        .step(
            at(count("C1", "RAPID", &[("B1", 19)])),
            "COUNT_CONTRADICTED",
        )
        .top(at(count("C1", "RAPID", &[("B1", 20)])));
}

#[test]
fn of_excursions_and_shorter_lives() {
    use keruen_domain::{quality::ShortenExpiry, stock::RecordExcursion};
    let story = stocked();
    let of = |batch_id: &str, item_id: &str| RecordExcursion {
        batch_ids: vec![code(batch_id)],
        ..excursion(item_id)
    };
    story.clone().when(of("B9", "PCR")).refused("UNKNOWN_BATCH");
    story.clone().when(of("B1", "PCR")).refused("NOTHING_THERE");
    let undecided = |command: ShortenExpiry| ShortenExpiry {
        documents: Vec::new(),
        ..command
    };
    let late = "2021-12-31";
    let refused = |command: ShortenExpiry, reason: &str| {
        story.clone().when(command).refused(reason);
    };
    refused(undecided(shorten("B9", late)), "UNKNOWN_BATCH");
    refused(undecided(shorten("B1", late)), "DECISION_REQUIRED");
    refused(shorten("B1", late), "EXPIRY_NOT_SHORTENED");
}

#[test]
fn of_returns() {
    use keruen_domain::stock::ReturnStock;
    let to_nobody = |command: ReturnStock| ReturnStock {
        recipient_id: Some(code("NOBODY")),
        ..command
    };
    let numbered = |command: ReturnStock| ReturnStock {
        serial_numbers: labels(&["S1"]),
        ..command
    };
    Ladder::new(stocked())
        .step(
            to_nobody(numbered(give_back("B1", 51))),
            "UNKNOWN_ORGANISATION",
        )
        .step(numbered(give_back("B1", 51)), "SERIAL_NUMBERS_NOT_EXPECTED")
        .step(give_back("B1", 51), "INSUFFICIENT_STOCK")
        .top(give_back("B1", 50));
}

#[test]
fn of_lives_of_assets() {
    use crate::asset::{install, lend, put_into_service, step, stocked};
    use keruen_domain::asset::{ChangeAsset, Step};
    let story = stocked().after(lend("S1"));
    let refused = |story: &Story, command: ChangeAsset, reason: &str| {
        let refusal = story.clone().when(command).refused(reason);
        assert!(refusal.0.stage() <= Stage::Lines);
    };
    let passed = |borrower: &str| Step::Lend {
        borrower_id: code(borrower),
        due_on: date("2020-01-01"),
    };
    refused(&story, step("S9", passed("NOBODY")), "UNKNOWN_ASSET");
    refused(&story, step("S1", passed("NOBODY")), "UNKNOWN_ORGANISATION");
    refused(&story, step("S1", passed("HELP")), "ASSET_STATE");
    let claimed = story
        .after(ship("S1", &[("CONC", 1)]))
        .after(allocate("S1"));
    refused(&claimed, step("S2", passed("HELP")), "DUE_DAY_PASSED");
    refused(&claimed, install("S2"), "SERIAL_NUMBER_RESERVED");
    let undocumented = ChangeAsset {
        documents: Vec::new(),
        ..put_into_service("S1")
    };
    refused(&claimed, undocumented, "ASSET_STATE");
}

#[test]
fn of_losses_of_assets() {
    use crate::asset::{loss_act, stocked};
    use keruen_domain::asset::AcceptAssetLoss;
    use keruen_proto::registry::v1::{DocumentKind, DocumentRef};
    let by_waybill = |serial_number: &str| AcceptAssetLoss {
        act: DocumentRef {
            kind: DocumentKind::Waybill.into(),
            ..loss_act(serial_number).act
        },
        ..loss_act(serial_number)
    };
    let stored = stocked();
    let sent = stored
        .clone()
        .after(ship("SH", &[("CONC", 1)]))
        .after(allocate("SH"))
        .after(dispatch("SH"));
    let settled = stored.clone().after(loss_act("S1"));
    let refused = |story: &Story, command: AcceptAssetLoss, reason: &str| {
        let refusal = story.clone().when(command).refused(reason);
        refusal.0.stage()
    };
    let stages = [
        refused(&sent, by_waybill("S9"), "UNKNOWN_ASSET"),
        refused(&sent, by_waybill("S1"), "ASSET_STATE"),
        refused(&settled, by_waybill("S1"), "ASSET_STATE"),
        refused(&stored, by_waybill("S1"), "NOT_A_LOSS_ACT"),
    ];
    assert!(stages.is_sorted(), "{stages:?}");
    stored.after(loss_act("S1"));
}

#[test]
fn of_dispatches_of_what_has_something_inside() {
    use crate::contents::{bound_for, equipped_for};
    use keruen_domain::shipment::DispatchShipment;
    use keruen_proto::inventory::v1::{FitOverride, FitOverrideReason};
    let by_nobody = |command: DispatchShipment| DispatchShipment {
        custodian_id: code("NOBODY"),
        ..command
    };
    let overridden = DispatchShipment {
        fit_override: Some(FitOverride {
            authorised_by_ref: "person:7".to_owned(),
            reason: FitOverrideReason::Adapter.into(),
        }),
        ..dispatch("S1")
    };
    // The pump inside needs another voltage, and is meant for another region.
    let story = equipped_for("KZ-75");
    let claimed = bound_for(story.clone(), "CLINIC");
    let refused = |story: &Story, command: DispatchShipment, reason: &str| {
        let refusal = story.clone().when(command).refused(reason);
        refusal.0.stage()
    };
    let held = claimed.clone().after(hold("BP"));
    let asked = story.clone().after(ship("S1", &[("LAB", 1)]));
    let stages = [
        refused(&asked, by_nobody(dispatch("S9")), "UNKNOWN_SHIPMENT"),
        refused(&asked, by_nobody(dispatch("S1")), "UNKNOWN_ORGANISATION"),
        refused(&asked, dispatch("S1"), "NOTHING_ALLOCATED"),
        refused(&held, dispatch("S1"), "ASSET_HELD"),
        refused(&claimed, dispatch("S1"), "SITE_UNFIT"),
        refused(&claimed, overridden.clone(), "BATCH_EARMARKED"),
    ];
    assert!(stages.is_sorted(), "{stages:?}");
    bound_for(equipped_for("KZ-11"), "CLINIC").after(overridden);
}

#[test]
fn of_assets_that_are_put_into_others() {
    use crate::contents::{put, stocked, take_out};
    let refused = |story: &Story, inner: &str, outer: &str, reason: &str| {
        story.clone().when(put(inner, outer)).refused(reason);
    };
    let story = stocked()
        .after(put("P-1", "AN-1"))
        .after(ship("S1", &[("PUMP", 1)]))
        .after(allocate("S1"));
    refused(&story, "P-9", "LAB-9", "UNKNOWN_ASSET");
    refused(&story, "P-1", "LAB-9", "UNKNOWN_ASSET");
    refused(&story, "P-1", "P-2", "ASSET_STATE");
    // P-2 is claimed, and its item is in AN-1 already.
    refused(&story, "P-2", "P-1", "SERIAL_NUMBER_RESERVED");
    refused(&story, "P-3", "P-1", "ASSET_NESTING");
    let story = story.after(take_out("P-1"));
    story.when(put("P-1", "LAB-1")).accepted();
}

#[test]
fn of_reports_of_mobile_units() {
    use crate::mobile::{report, story};
    use keruen_domain::{code::MAX_QUANTITY, registry::ReportThroughput};
    let at = |facility_id: &str, command: ReportThroughput| ReportThroughput {
        facility_id: code(facility_id),
        ..command
    };
    let of_nothing = |command: ReportThroughput| ReportThroughput {
        commodity_id: code("NOTHING"),
        ..command
    };
    let backwards = || report("2021-07-02", "2021-07-01", 1);
    Ladder::new(story().after(report("2021-06-01", "2021-06-05", MAX_QUANTITY)))
        .step(at("NOWHERE", of_nothing(backwards())), "UNKNOWN_FACILITY")
        .step(at("WH", of_nothing(backwards())), "UNKNOWN_COMMODITY")
        .step(at("WH", backwards()), "NOT_A_MOBILE_UNIT")
        .step(backwards(), "DAYS_OUT_OF_ORDER")
        .step(report("2021-06-05", "2021-07-01", 1), "PERIOD_NOT_OVER")
        .step(report("2021-06-05", "2021-06-08", 1), "PERIOD_OVERLAPS")
        .step(report("2021-06-06", "2021-06-08", 1), "QUANTITY_OVERFLOW")
        .top(report("2021-06-06", "2021-06-08", 0));
}

#[test]
fn of_identifications() {
    use crate::unidentified::{arrived, identify};
    let lines = |item_id: &str| vec![new_stock(item_id, 1, "N1")];
    let twice = vec![new_stock("GLOVE", 1, "N1"), new_stock("GLOVE", 1, "N1")];
    Ladder::new(Story::new().after(arrived(5)))
        .step(identify(9, lines("NOTHING")), "UNKNOWN_ITEM")
        .step(identify(9, twice), "DUPLICATE_BATCH_ID")
        .step(identify(9, lines("GLOVE")), "TOO_MANY_PACKAGES")
        .top(identify(5, lines("GLOVE")));
}

#[test]
fn of_recalls() {
    use keruen_domain::quality::RecallLot;
    let by_nobody = |command: RecallLot| RecallLot {
        authority_id: code("NOBODY"),
        ..command
    };
    let story = stocked().after(recall("RAPID", "L1"));
    let refused = |command: RecallLot, reason: &str| {
        story.clone().when(command).refused(reason);
    };
    refused(by_nobody(recall("NOTHING", "L1")), "UNKNOWN_ITEM");
    refused(by_nobody(recall("RAPID", "L1")), "UNKNOWN_ORGANISATION");
    refused(recall("RAPID", "L1"), "ALREADY_RECALLED");
}

#[test]
fn of_dispatches() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 10)]))
        .after(allocate("S1"))
        .after(ship("S2", &[("RAPID", 10)]))
        .after(hold("B1"));
    let refused =
        |story: Story, id: &str, reason: &str| story.when(dispatch(id)).refused(reason).0.stage();
    let stages = [
        refused(story.clone(), "S9", "UNKNOWN_SHIPMENT"),
        refused(story.clone(), "S2", "NOTHING_ALLOCATED"),
        refused(story.clone().on("2021-01-01"), "S1", "BATCH_EXPIRED"),
        refused(story, "S1", "BATCH_HELD"),
    ];
    assert!(stages.is_sorted());
}

#[test]
fn of_approvals() {
    Ladder::new(
        Story::new()
            .after(ask("R1", &[("TEST", 10)]))
            .after(ask("R2", &[("TEST", 10)]))
            .after(reject("R2")),
    )
    .step(approve("R9", &[(2, 11), (1, 11)]), "UNKNOWN_REQUEST")
    .step(approve("R2", &[(2, 11), (1, 11)]), "REQUEST_STATE")
    .step(approve("R1", &[(2, 11), (1, 11)]), "UNKNOWN_REQUEST_LINE")
    .step(approve("R1", &[(1, 11)]), "APPROVAL_EXCEEDS_REQUEST")
    .top(approve("R1", &[(1, 10)]));
}

#[test]
fn of_shipments() {
    let story = stocked()
        .after(ask("R1", &[("TEST", 10)]))
        .after(approve_all("R1"));
    let to_itself = |command: RequestShipment| RequestShipment {
        destination_id: code("WH"),
        ..command
    };
    Ladder::new(story)
        .step(
            to_itself(ship_for("S1", "R1", &[("NOTHING", 11)])),
            "UNKNOWN_ITEM",
        )
        .step(
            to_itself(ship_for("S1", "R1", &[("GLOVE", 11)])),
            "SAME_FACILITY",
        )
        .step(
            ship_for("S1", "R1", &[("GLOVE", 11)]),
            "REQUEST_LINE_MISMATCH",
        )
        .step(ship_for("S1", "R1", &[("RAPID", 11)]), "EXCEEDS_APPROVED")
        .top(ship_for("S1", "R1", &[("RAPID", 10)]));
}

#[test]
fn of_arrivals() {
    let story = stocked()
        .after(ship("S1", &[("RAPID", 10)]))
        .after(allocate("S1"))
        .after(dispatch("S1"));
    let arrived = story.clone().after(arrive("S1"));
    let good = |line, amount| found(line, amount, ReceiptOutcome::Good);
    arrived
        .when(arrive_with("S1", vec![unannounced("NOTHING", 1, "X1")]))
        .refused("UNKNOWN_ITEM");
    Ladder::new(story)
        .step(arrive_with("S9", vec![good(2, 11)]), "UNKNOWN_SHIPMENT")
        .step(
            arrive_with("S1", vec![good(2, 11)]),
            "UNKNOWN_SHIPMENT_LINE",
        )
        .step(
            arrive_with("S1", vec![good(1, 11)]),
            "RECEIPT_EXCEEDS_SHIPMENT",
        )
        .top(arrive_with("S1", vec![good(1, 10)]));
}

#[test]
fn of_amendments() {
    let story = Story::new().after(retire(Boundary::Organisation(code("HELP"))));
    let hospital = |operator: &str, keys: i64| Facility {
        operator_id: operator.to_owned(),
        external_ids: (0..keys)
            .map(|number| ExternalId {
                scheme: "KEY".to_owned(),
                value: number.to_string(),
            })
            .collect(),
        ..facility("HOSP", "KZ-62")
    };
    let fixed = &["external_ids", "operator_id", "regions"];
    let free = &["external_ids", "operator_id"];
    Ladder::new(story)
        .step(amend(hospital("NOBODY", 99), fixed), "UNKNOWN_ORGANISATION")
        .step(amend(hospital("HELP", 99), fixed), "FIELD_FIXED")
        .step(amend(hospital("HELP", 99), free), "RETIRED")
        .step(amend(hospital("KASPI", 99), free), "TOO_MANY_TAGS")
        .top(amend(hospital("KASPI", 9), free));
}

#[test]
fn of_moves_and_closures() {
    let story = Story::new()
        .after(retire(Boundary::Facility(code("FAR"))))
        .after(close("HOSP"));
    for (command, reason) in [
        (
            move_to("NOWHERE", "KZ-99", "2020-01-01"),
            "UNKNOWN_FACILITY",
        ),
        (move_to("FAR", "KZ-99", "2020-01-01"), "UNKNOWN_REGION"),
        (move_to("FAR", "KZ-62", "2020-01-01"), "RETIRED"),
        (move_to("WH", "KZ-62", "2020-01-01"), "REGION_NOT_VALID"),
        (move_to("WH", "KZ-75", "2020-01-01"), "NOTHING_CHANGES"),
    ] {
        story.clone().when(command).refused(reason);
    }
    let nothing = |facility_id: &str| FileRequest {
        facility_id: code(facility_id),
        ..ask("R1", &[("NOTHING", 1)])
    };
    // What is missing comes before what is closed.
    story
        .clone()
        .when(nothing("HOSP"))
        .refused("UNKNOWN_COMMODITY");
    let mut passed = ask("R1", &[("TEST", 1)]);
    passed.needed_by = Some(date("2020-01-01"));
    story.when(passed).refused("FACILITY_CLOSED");
}

#[test]
fn of_what_becomes_of_donations() {
    use keruen_domain::donation::{CloseDonation, Passage, SpendDonatedMoney};
    let story = Story::new()
        .after(PledgeDonation {
            money: Some(usd(100)),
            ..pledge("D1", &[("TEST", 100)])
        })
        .after(announce("D1", "C-1"))
        .after(commit("D1", 40));
    let refused = |story: &Story, command: &dyn Command, reason: &str| {
        let rejection = story.decide(command).expect_err("refused");
        assert_eq!(rejection.reason(), reason, "{rejection}");
        rejection.stage()
    };
    // Closing: what exists, then its state, and of that what is under way before what is short.
    let at_border = story.clone().after(pass("D1", "C-1", Passage::Border));
    let cleared = at_border.clone().after(pass("D1", "C-1", Passage::Cleared));
    let free = cleared.clone().after(give_up("D1", 1));
    let close = |id: &str| -> CloseDonation { close_donation(id) };
    let stages = [
        refused(&at_border, &close("D9"), "UNKNOWN_DONATION"),
        refused(&at_border, &close("D1"), "CONSIGNMENT_UNDER_WAY"),
        refused(&cleared, &close("D1"), "MONEY_COMMITTED"),
        refused(&free, &close("D1"), "SHORTFALL_REASON_REQUIRED"),
    ];
    assert!(stages.is_sorted());
    let closed = free.after(close_short("D1"));
    refused(&closed, &commit("D1", 101), "DONATION_STATE");
    // Spending: the commitment must exist, then fit, then hold enough.
    let by = |supplier: &str, commitment: i32| SpendDonatedMoney {
        supplier_id: code(supplier),
        ..pay_freight("D1", 41, Some(commitment))
    };
    let stages = [
        refused(&story, &by("NOBODY", 2), "UNKNOWN_ORGANISATION"),
        refused(&story, &by("MOH", 2), "UNKNOWN_COMMITMENT"),
        refused(&story, &by("MOH", 1), "SUPPLIER_DIFFERS"),
        refused(&story, &by("HELP", 1), "COMMITMENT_EXCEEDED"),
    ];
    assert!(stages.is_sorted());
    // Receiving off a consignment: what is unknown comes before what is not cleared, and that before the lines.
    let expired = || ReceiptLine {
        expires_on: Some(date("2020-01-01")),
        ..line("RAPID", 1, "B1")
    };
    let stages = [
        refused(
            &story,
            &receive_from("C-9", "D1", vec![expired()]),
            "UNKNOWN_CONSIGNMENT",
        ),
        refused(
            &story,
            &receive_from("C-1", "D1", vec![expired()]),
            "CONSIGNMENT_NOT_CLEARED",
        ),
        refused(
            &cleared,
            &receive_from("C-1", "D1", vec![expired()]),
            "ALREADY_EXPIRED",
        ),
    ];
    assert!(stages.is_sorted());
}

#[test]
fn of_changes_of_owner() {
    use keruen_domain::stock::TransferTitle;
    let story = stocked().after(retire(Boundary::Organisation(code("CREW"))));
    let to = |owner: &str, command: TransferTitle| TransferTitle {
        new_owner_id: code(owner),
        serial_numbers: labels(&["S1"]),
        ..command
    };
    Ladder::new(story)
        .step(to("NOBODY", transfer("B9", 51)), "UNKNOWN_BATCH")
        .step(to("NOBODY", transfer("B1", 51)), "UNKNOWN_ORGANISATION")
        .step(to("CREW", transfer("B1", 51)), "RETIRED")
        .step(to("MOH", transfer("B1", 51)), "SAME_OWNER")
        .step(
            to("HELP", transfer("B1", 51)),
            "SERIAL_NUMBERS_NOT_EXPECTED",
        )
        .step(transfer("B1", 51), "INSUFFICIENT_STOCK")
        .top(transfer("B1", 50));
}

#[test]
fn of_corrections() {
    use keruen_domain::correction::CorrectReceipt;
    let story = stocked();
    let at = |name: &str| {
        let index = story.events.iter().position(|it| it.short_name() == name);
        fact_of(&story, index.expect("an event"))
    };
    let came = |batch_id: &str, event: &str, amount: i64| CorrectReceipt {
        fact: at(event),
        batch_id: code(batch_id),
        quantity: amount,
        serial_numbers: labels(&["S1"]),
        documents: Vec::new(),
    };
    let counted = |amount: i64| CorrectReceipt {
        serial_numbers: Vec::new(),
        ..came("B1", "DonationReceived", amount)
    };
    Ladder::new(story.clone())
        .step(came("B9", "DonationPledged", 101), "UNKNOWN_BATCH")
        .step(came("B1", "DonationPledged", 101), "NOT_CORRECTABLE")
        .step(came("B1", "DonationReceived", 50), "NOTHING_TO_CORRECT")
        .step(
            came("B1", "DonationReceived", 101),
            "SERIAL_NUMBERS_NOT_EXPECTED",
        )
        .step(counted(101), "RECEIPT_EXCEEDS_PLEDGE")
        .top(counted(100));
}

#[test]
fn of_verifications() {
    let full =
        (0..limits::VERIFICATIONS).fold(Story::new(), |story, _| story.after(verify("HELP")));
    let faulty = |by: &str| VerifyOrganisation {
        verified_by_id: code(by),
        verified_on: Some(date("2020-04-09")),
        ..verify("HELP")
    };
    let reasons = [
        (faulty("NOBODY"), "UNKNOWN_ORGANISATION"),
        (faulty("HELP"), "VERIFIED_BY_ITSELF"),
        (faulty("MOH"), "VERIFICATION_OUT_OF_ORDER"),
        (verify("HELP"), "TOO_MANY_RECORDS"),
    ];
    let stages =
        reasons.map(|(command, reason)| full.clone().when(command).refused(reason).0.stage());
    assert!(stages.is_sorted(), "{stages:?}");
}

#[test]
fn of_kits() {
    use keruen_domain::kit::AssembleKits;
    let named = |command: AssembleKits, batch_id: &str| AssembleKits {
        batch_ids: vec![code(batch_id)],
        ..command
    };
    let story = stocked()
        .given([kit_item()])
        .after(receive("D1", vec![line("PCR", 5, "P1")]))
        .after(pledge("D2", &[("GLOVES", 9)]))
        .after(receive("D2", vec![line("GLOVE", 9, "G1")]));
    Ladder::new(story)
        .step(
            AssembleKits {
                item_id: code("NOTHING"),
                ..named(assemble(9, &["B1"]), "B9")
            },
            "UNKNOWN_ITEM",
        )
        .step(named(assemble(9, &["B1"]), "B9"), "UNKNOWN_BATCH")
        .step(named(assemble(9, &["B1"]), "P1"), "BATCH_EXISTS")
        .step(
            AssembleKits {
                item_id: code("RAPID"),
                ..named(assemble(9, &["K1"]), "P1")
            },
            "NOT_A_KIT",
        )
        .step(named(assemble(9, &["K1"]), "P1"), "NOT_A_COMPONENT")
        .step(assemble(9, &["K1"]), "INSUFFICIENT_STOCK")
        .top(assemble(3, &["K1"]));
}

#[test]
fn of_what_did_not_happen() {
    use keruen_domain::correction::VoidMovement;
    let arrived = stocked()
        .after(ask("R1", &[("TEST", 20)]))
        .after(approve_all("R1"))
        .after(ship_for("S1", "R1", &[("RAPID", 20)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive_with(
            "S1",
            vec![
                found(1, 15, ReceiptOutcome::Damaged),
                found(1, 5, ReceiptOutcome::Missing),
            ],
        ));
    let replaced = arrived
        .after(ship_for("S2", "R1", &[("RAPID", 15)]))
        .after(allocate("S2"));
    let never = |story: &Story, name: &str| {
        let index = story.events.iter().position(|it| it.short_name() == name);
        VoidMovement {
            fact: fact_of(story, index.expect("an event")),
            documents: Vec::new(),
        }
    };
    let settled = replaced.clone().after(settle("S1"));
    let refused = |story: &Story, name: &str, reason: &str| {
        let command = never(story, name);
        let refusal = story.clone().when(command).refused(reason);
        refusal.0.stage()
    };
    let stages = [
        refused(&settled, "RequestFiled", "NOT_CORRECTABLE"),
        // What is missing was settled, and others were allocated in place of what was damaged.
        refused(&settled, "ShipmentReceived", "MOVED_ON_SINCE"),
        refused(&replaced, "ShipmentReceived", "EXCEEDS_APPROVED"),
    ];
    assert!(stages.is_sorted());
    let free = replaced.after(cancel("S2"));
    let command = never(&free, "ShipmentReceived");
    let never_came = free.after(command);
    refused(&never_came, "ShipmentReceived", "ALREADY_VOIDED");
}

#[test]
fn of_earmarks() {
    use keruen_domain::donation::ChangeEarmarks;
    use keruen_proto::inventory::v1::Earmark;
    let meant = |donation_id: &str, item_id: &str, region_id: &str| ChangeEarmarks {
        donation_id: code(donation_id),
        earmarks: vec![Earmark {
            item_id: item_id.to_owned(),
            region_id: region_id.to_owned(),
            ..Earmark::default()
        }],
        authorised_by_ref: label("person:7"),
        documents: Vec::new(),
    };
    // Ulytau is a region since 2022.
    let story = stocked().after(meant("D1", "RAPID", "KZ-75"));
    let refused = |command: ChangeEarmarks, reason: &str| {
        let refusal = story.clone().when(command).refused(reason);
        refusal.0.stage()
    };
    let stages = [
        refused(meant("D9", "NOTHING", "KZ-00"), "UNKNOWN_DONATION"),
        refused(meant("D1", "NOTHING", "KZ-00"), "UNKNOWN_ITEM"),
        refused(meant("D1", "RAPID", "KZ-00"), "UNKNOWN_REGION"),
        refused(meant("D1", "RAPID", "KZ-62"), "REGION_NOT_VALID"),
    ];
    assert!(stages.is_sorted());
    refused(meant("D1", "RAPID", "KZ-75"), "EARMARKS_UNCHANGED");
}

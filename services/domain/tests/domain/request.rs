//! Requests: filed, approved, rejected, and what comes of them.

use keruen_domain::{
    Boundary, Entry,
    request::{FileRequest, NeededGoods},
};
use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    requests::v1::{
        ApprovedLine, RejectionReason, Request, RequestApproved, RequestFiled, RequestLine,
        RequestPriority, RequestRejected, RequestState,
    },
};

use crate::{story::Story, world::*};

fn request(story: &Story) -> Request {
    match story.read(&Boundary::Request(code("R1"))) {
        Entry::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

fn filed() -> Story {
    Story::new().after(ask("R1", &[("TEST", 100), ("GLOVES", 50)]))
}

#[test]
fn a_request_is_filed_once_for_what_exists() {
    let story = Story::new()
        .when(ask("R1", &[("TEST", 100)]))
        .then([RequestFiled {
            request_id: "R1".to_owned(),
            facility_id: "HOSP".to_owned(),
            lines: vec![RequestLine {
                line: 1,
                commodity_id: "TEST".to_owned(),
                requested: 100,
                ..RequestLine::default()
            }],
            priority: RequestPriority::Urgent.into(),
            ..RequestFiled::default()
        }
        .into()]);
    story
        .when(ask("R1", &[("TEST", 1)]))
        .refused("REQUEST_EXISTS");
    Story::new()
        .when(ask("R1", &[("NOTHING", 1)]))
        .refused("UNKNOWN_COMMODITY");
    Story::new().when(ask("R1", &[])).refused("NO_LINES");
    Story::new()
        .when(FileRequest {
            facility_id: code("NOWHERE"),
            ..ask("R1", &[("TEST", 1)])
        })
        .refused("UNKNOWN_FACILITY");
    let unknown_item = NeededGoods {
        line: 1,
        commodity_id: None,
        item_id: Some(code("NOTHING")),
        quantity: Some(quantity(1)),
        need: None,
    };
    Story::new()
        .when(FileRequest {
            lines: vec![unknown_item],
            ..ask("R1", &[])
        })
        .refused("UNKNOWN_ITEM");
}

#[test]
fn nothing_is_needed_by_yesterday() {
    let by = |day: &str| FileRequest {
        needed_by: Some(date(day)),
        ..ask("R1", &[("TEST", 1)])
    };
    Story::new()
        .when(by("2020-04-09"))
        .refused("NEEDED_BY_PASSED")
        .saying(&["2020-04-10"]);
    Story::new().when(by("2020-04-10")).accepted();
}

#[test]
fn every_line_is_answered() {
    let approved = |first, second| RequestApproved {
        request_id: "R1".to_owned(),
        facility_id: "HOSP".to_owned(),
        lines: vec![
            ApprovedLine {
                line: 1,
                quantity: first,
                ..ApprovedLine::default()
            },
            ApprovedLine {
                line: 2,
                quantity: second,
                ..ApprovedLine::default()
            },
        ],
        word_of_mouth: None,
    };
    filed()
        .when(approve_all("R1"))
        .then([approved(100, 50).into()]);
    let story = filed()
        .when(approve("R1", &[(2, 20)]))
        .then([approved(0, 20).into()]);
    assert_eq!(request(&story).state(), RequestState::Approved);
}

#[test]
fn approvals_are_refused_that_do_not_answer_the_request() {
    let refused =
        |lines: &[(i32, i64)], reason: &str| filed().when(approve("R1", lines)).refused(reason);
    refused(&[(1, 101)], "APPROVAL_EXCEEDS_REQUEST").saying(&["asks for 100", "101"]);
    refused(&[(3, 1)], "UNKNOWN_REQUEST_LINE").saying(&["lines[0].line"]);
    refused(&[(1, 1), (1, 1)], "DUPLICATE_LINE");
    refused(&[(1, 0)], "NOTHING_APPROVED").saying(&["reject"]);
    refused(&[], "NOTHING_APPROVED");
    Story::new()
        .when(approve_all("R1"))
        .refused("UNKNOWN_REQUEST");
    filed()
        .after(approve_all("R1"))
        .when(approve_all("R1"))
        .refused("REQUEST_STATE")
        .saying(&["APPROVED", "FILED"]);
}

#[test]
fn a_request_is_rejected_before_it_is_answered() {
    let story = filed().when(reject("R1")).then([RequestRejected {
        request_id: "R1".to_owned(),
        facility_id: "HOSP".to_owned(),
        reason: RejectionReason::Duplicate.into(),
    }
    .into()]);
    assert_eq!(request(&story).state(), RequestState::Rejected);
    story.clone().when(reject("R1")).refused("REQUEST_STATE");
    story.when(approve_all("R1")).refused("REQUEST_STATE");
    Story::new().when(reject("R1")).refused("UNKNOWN_REQUEST");
}

#[test]
fn fulfilment_follows_the_shipments() {
    let progress = |story: &Story| {
        let request = request(story);
        (
            request.state(),
            request.lines[0].allocated,
            request.lines[0].received,
        )
    };
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive("D1", vec![line("RAPID", 1_000, "B1")]))
        .after(ask("R1", &[("TEST", 100)]))
        .after(approve("R1", &[(1, 90)]))
        .after(ship_for("S1", "R1", &[("RAPID", 60)]));
    assert_eq!(progress(&story), (RequestState::Approved, 0, 0));
    let story = story.after(allocate("S1"));
    assert_eq!(progress(&story), (RequestState::PartlyAllocated, 60, 0));
    assert_eq!(
        progress(&story.clone().after(cancel("S1"))),
        (RequestState::Approved, 0, 0)
    );
    assert_eq!(
        progress(&story.clone().after(lose("B1", 1_000))),
        (RequestState::Approved, 0, 0)
    );
    let story = story
        .after(ship_for("S2", "R1", &[("RAPID", 30)]))
        .after(allocate("S2"));
    assert_eq!(progress(&story), (RequestState::Allocated, 90, 0));
    let story = story
        .after(dispatch("S1"))
        .after(dispatch("S2"))
        .after(arrive("S2"));
    assert_eq!(progress(&story), (RequestState::PartlyFulfilled, 90, 30));
    let story = story.after(arrive_with(
        "S1",
        vec![
            found(1, 40, ReceiptOutcome::Good),
            found(1, 5, ReceiptOutcome::Damaged),
            found(1, 15, ReceiptOutcome::Missing),
        ],
    ));
    assert_eq!(progress(&story), (RequestState::PartlyFulfilled, 85, 70));
    let story = story.after(settle("S1"));
    assert_eq!(progress(&story), (RequestState::PartlyFulfilled, 70, 70));
    // What was damaged and lost may be allocated again.
    let story = story
        .after(ship_for("S3", "R1", &[("RAPID", 20)]))
        .after(allocate("S3"))
        .after(dispatch("S3"))
        .after(arrive("S3"));
    assert_eq!(progress(&story), (RequestState::Fulfilled, 90, 90));
    assert_eq!(story.violations(), Vec::<String>::new());
}

//! What happens to requests between filing and their end: seen, amended, triaged, approved by word of mouth, escalated,
//! served by substitutes, closed short, taken back.

use keruen_domain::{
    Boundary, Code, Command, Entry,
    registry::SetDutyRoster,
    request::{
        AcknowledgeRequest, AmendRequest, AnswerSubstitute, ApproveRequest, ApprovedQuantity,
        CancelRequest, CloseRequestShort, ConfirmApproval, EscalateRequest, FileRequest,
        MarkDuplicate, NeededGoods, OfferSubstitute, ReconfirmNeed, RejectRequest, Spoken,
        TriageRequest, is_need,
    },
};
use keruen_proto::{
    Event,
    inventory::v1::ReceiptOutcome,
    registry::v1::{DutyShift, Facility, FacilityKind, FacilityRegistered},
    requests::v1::{
        EscalationReason, Filing, Need, NeedKind, RejectionReason, Request,
        RequestCancellationReason, RequestChannel, RequestPriority, RequestState,
        ShortClosingReason, SubstituteDeclineReason, SubstituteOffer, SubstituteState,
    },
};

use crate::{
    amendment::{close, retire},
    story::Story,
    world::*,
};

const HOUR_US: i64 = 3_600_000_000;

pub fn read(story: &Story, id: &str) -> Request {
    match story.read(&Boundary::Request(code(id))) {
        Entry::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

fn state(story: &Story) -> RequestState {
    read(story, "R1").state()
}

fn office(id: &str, region_id: &str) -> Event {
    FacilityRegistered {
        facility: Some(Facility {
            kind: FacilityKind::FrontOffice.into(),
            ..facility(id, region_id)
        }),
    }
    .into()
}

/// With the front offices of HOSP's region and of another one.
fn with_offices() -> Story {
    Story::new().given([office("OFFICE", "KZ-62"), office("ELSEWHERE", "KZ-10")])
}

fn stat() -> FileRequest {
    FileRequest {
        priority: RequestPriority::Stat,
        ..ask("R1", &[("TEST", 100)])
    }
}

fn filed() -> Story {
    with_offices().after(ask("R1", &[("TEST", 100), ("GLOVES", 50)]))
}

fn approved() -> Story {
    filed().after(approve_all("R1"))
}

/// Some of what was approved is on its way.
fn sent() -> Story {
    with_offices()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive("D1", vec![line("RAPID", 1_000, "B1")]))
        .after(ask("R1", &[("TEST", 100)]))
        .after(approve_all("R1"))
        .after(ship_for("S1", "R1", &[("RAPID", 60)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
}

fn fulfilled() -> Story {
    sent()
        .after(arrive("S1"))
        .after(ship_for("S2", "R1", &[("RAPID", 40)]))
        .after(allocate("S2"))
        .after(dispatch("S2"))
        .after(arrive("S2"))
}

pub fn acknowledge(expected_in_hours: Option<i64>) -> AcknowledgeRequest {
    AcknowledgeRequest {
        request_id: code("R1"),
        expected_at_us: expected_in_hours.map(|hours| NOON_US + hours * HOUR_US),
    }
}

fn amend() -> AmendRequest {
    AmendRequest {
        request_id: code("R1"),
        lines: None,
        priority: None,
        needed_by: None,
        clinical_reason_code: None,
    }
}

fn amend_lines(goods: &[(&str, i64)]) -> AmendRequest {
    AmendRequest {
        lines: Some(ask("R1", goods).lines),
        ..amend()
    }
}

fn triage(office_id: &str) -> TriageRequest {
    TriageRequest {
        request_id: code("R1"),
        office_id: code(office_id),
        priority: Some(RequestPriority::Asap),
        forwarded_to_id: Some(code("MOH")),
    }
}

fn duplicate(id: &str, of: &str) -> MarkDuplicate {
    MarkDuplicate {
        request_id: code(id),
        duplicate_of_id: code(of),
    }
}

fn reconfirm() -> ReconfirmNeed {
    ReconfirmNeed {
        request_id: code("R1"),
        needed_by: None,
        confirmed_by_ref: Some(label("person:7")),
    }
}

pub fn by_word_of_mouth(confirm_in_hours: i64) -> ApproveRequest {
    ApproveRequest {
        spoken: Some(Spoken {
            approved_by_ref: label("person:9"),
            confirm_by_us: NOON_US + confirm_in_hours * HOUR_US,
        }),
        ..approve_all("R1")
    }
}

pub fn confirm() -> ConfirmApproval {
    ConfirmApproval {
        request_id: code("R1"),
        confirmed_by_ref: label("person:9"),
        documents: Vec::new(),
    }
}

pub fn escalate(reason: EscalationReason, level: Option<i32>) -> EscalateRequest {
    EscalateRequest {
        request_id: code("R1"),
        reason,
        level,
    }
}

fn offer(line: i32, item_id: &str) -> OfferSubstitute {
    OfferSubstitute {
        request_id: code("R1"),
        line,
        item_id: code(item_id),
    }
}

fn accept(offer: i32) -> AnswerSubstitute {
    AnswerSubstitute {
        request_id: code("R1"),
        offer,
        decline_reason: None,
        answered_by_ref: None,
    }
}

fn decline(offer: i32) -> AnswerSubstitute {
    AnswerSubstitute {
        decline_reason: Some(SubstituteDeclineReason::StaffNotTrained),
        ..accept(offer)
    }
}

pub fn close_short() -> CloseRequestShort {
    CloseRequestShort {
        request_id: code("R1"),
        reason: ShortClosingReason::NotAvailable,
    }
}

pub fn take_back() -> CancelRequest {
    CancelRequest {
        request_id: code("R1"),
        reason: RequestCancellationReason::NoLongerNeeded,
    }
}

fn on_duty(person: &str, first_day: &str, last_day: &str) -> DutyShift {
    DutyShift {
        person_ref: person.to_owned(),
        organisation_id: "MOH".to_owned(),
        first_day: first_day.to_owned(),
        last_day: last_day.to_owned(),
    }
}

fn roster(shifts: Vec<DutyShift>) -> SetDutyRoster {
    SetDutyRoster {
        region_id: code("KZ-62"),
        shifts,
    }
}

fn need(quantity_of_line: Option<i64>, commodity_id: Option<&str>) -> NeededGoods {
    NeededGoods {
        line: 1,
        commodity_id: commodity_id.map(code),
        item_id: None,
        quantity: quantity_of_line.map(quantity),
        need: Some(Need {
            kind: NeedKind::OxygenTherapy.into(),
            patients: 12,
            per_patient: None,
            days: 5,
        }),
    }
}

fn needy(line: NeededGoods) -> Story {
    Story::new().after(FileRequest {
        lines: vec![line],
        ..ask("R1", &[])
    })
}

fn met_by(quantity: i64, commodity_id: Option<&str>, item_id: Option<&str>) -> ApproveRequest {
    ApproveRequest {
        lines: Some(vec![ApprovedQuantity {
            line: 1,
            quantity,
            commodity_id: commodity_id.map(code),
            item_id: item_id.map(code),
        }]),
        ..approve_all("R1")
    }
}

/// Something that may happen to a request, whatever state it is in: for histories of random commands.
pub fn anything(id: &str, which: usize, amount: i64) -> Vec<Box<dyn Command>> {
    let request_id = code(id);
    let item_id = ["RAPID", "PCR", "GLOVE", "CONC"][which % 4];
    match which % 12 {
        0 => vec![Box::new(AcknowledgeRequest {
            request_id,
            expected_at_us: None,
        })],
        1 => vec![Box::new(AmendRequest {
            request_id,
            ..amend_lines(&[("TEST", amount)])
        })],
        2 => vec![
            Box::new(AmendRequest {
                request_id: request_id.clone(),
                priority: Some(RequestPriority::Stat),
                ..amend()
            }),
            Box::new(ApproveRequest {
                request_id,
                spoken: None,
                ..approve_all("R1")
            }),
        ],
        3 => vec![Box::new(CancelRequest {
            request_id,
            ..take_back()
        })],
        4 => vec![Box::new(CloseRequestShort {
            request_id,
            ..close_short()
        })],
        5 => vec![
            Box::new(OfferSubstitute {
                request_id: request_id.clone(),
                ..offer(1, item_id)
            }),
            Box::new(AnswerSubstitute {
                request_id,
                ..accept(1)
            }),
        ],
        6 => vec![Box::new(ReconfirmNeed {
            request_id,
            ..reconfirm()
        })],
        7 => vec![Box::new(EscalateRequest {
            request_id,
            ..escalate(EscalationReason::Stuck, None)
        })],
        _ => vec![Box::new(approve_all(id))],
    }
}

/// A history in each state that a request can be in.
fn in_every_state() -> Vec<(RequestState, Story)> {
    let all_sent = sent()
        .after(ship_for("S2", "R1", &[("RAPID", 40)]))
        .after(allocate("S2"));
    let states = vec![
        (RequestState::Filed, filed()),
        (RequestState::Acknowledged, filed().after(acknowledge(None))),
        (RequestState::Approved, approved()),
        (RequestState::Rejected, filed().after(reject("R1"))),
        (RequestState::PartlyAllocated, sent()),
        (RequestState::Allocated, all_sent),
        (RequestState::PartlyFulfilled, sent().after(arrive("S1"))),
        (RequestState::Fulfilled, fulfilled()),
        (RequestState::Cancelled, filed().after(take_back())),
        (RequestState::ClosedShort, sent().after(close_short())),
    ];
    for (expected, story) in &states {
        assert_eq!(state(story), *expected);
    }
    states
}

/// One table: in which states each step is allowed. In all others it is refused, and says what it needs.
#[test]
fn what_may_be_done_in_which_state() {
    use RequestState::{
        Acknowledged, Allocated, Approved, ClosedShort, Filed, Fulfilled, PartlyAllocated,
        PartlyFulfilled,
    };
    const OPEN: &[RequestState] = &[
        Filed,
        Acknowledged,
        Approved,
        PartlyAllocated,
        Allocated,
        PartlyFulfilled,
    ];
    let urgent = AmendRequest {
        priority: Some(RequestPriority::Stat),
        ..amend()
    };
    let table: Vec<(&str, Box<dyn Command>, &[RequestState])> = vec![
        ("acknowledge", Box::new(acknowledge(None)), OPEN),
        ("amend", Box::new(urgent), OPEN),
        (
            "amend lines",
            Box::new(amend_lines(&[("TEST", 7)])),
            &[Filed, Acknowledged],
        ),
        ("triage", Box::new(triage("OFFICE")), &[Filed, Acknowledged]),
        (
            "approve",
            Box::new(approve_all("R1")),
            &[Filed, Acknowledged],
        ),
        ("reject", Box::new(reject("R1")), &[Filed, Acknowledged]),
        (
            "cancel",
            Box::new(take_back()),
            // What was closed short because nobody had it is needed all the same.
            &[Filed, Acknowledged, Approved, ClosedShort],
        ),
        (
            "mark duplicate",
            Box::new(duplicate("R1", "R9")),
            &[Filed, Acknowledged, Approved, ClosedShort],
        ),
        ("reconfirm", Box::new(reconfirm()), OPEN),
        ("offer", Box::new(offer(1, "GLOVE")), OPEN),
        (
            "close short",
            Box::new(close_short()),
            &[Approved, PartlyAllocated, PartlyFulfilled],
        ),
        (
            "not answered",
            Box::new(escalate(EscalationReason::NotAnswered, None)),
            &[Filed],
        ),
        (
            "stuck",
            Box::new(escalate(EscalationReason::Stuck, None)),
            &[Approved, PartlyAllocated, Allocated, PartlyFulfilled],
        ),
        (
            "send",
            Box::new(ship_for("S9", "R1", &[("RAPID", 1)])),
            &[Approved, PartlyAllocated, PartlyFulfilled],
        ),
    ];
    for (now, story) in in_every_state() {
        let story = story.after(ask("R9", &[("TEST", 1)]));
        for (step, command, allowed) in &table {
            let decided = story.decide(command.as_ref());
            assert_eq!(
                decided.is_ok(),
                allowed.contains(&now),
                "{step} of {now:?}: {decided:?}"
            );
            if let Err(rejection) = decided {
                let quantities_say_it = matches!(
                    rejection.reason(),
                    "EXCEEDS_APPROVED" | "NOTHING_SHORT_OF_REQUEST"
                ) && matches!(now, Allocated | Fulfilled);
                assert!(
                    rejection.reason() == "REQUEST_STATE" || quantities_say_it,
                    "{step} of {now:?}: {rejection}"
                );
                // What has ended never goes on, and nothing is to be done about that first.
                if rejection.reason() == "REQUEST_STATE" {
                    let goes_on = OPEN.contains(&now);
                    assert_eq!(rejection.can_retry_help(), goes_on, "{step} of {now:?}");
                    let advises = rejection.to_string().contains("first");
                    assert!(goes_on || !advises, "{step} of {now:?}: {rejection}");
                }
            }
        }
    }
}

#[test]
fn whoever_asked_is_told_when_to_expect_more() {
    let story = filed().after(acknowledge(Some(5)));
    assert_eq!(state(&story), RequestState::Acknowledged);
    let expected = |story: &Story| read(story, "R1").expected_at.map(|time| time.seconds);
    assert_eq!(expected(&story), Some((NOON_US + 5 * HOUR_US) / 1_000_000));
    // Later it is another time, and the state stays.
    let story = story.after(approve_all("R1")).after(acknowledge(Some(30)));
    assert_eq!(state(&story), RequestState::Approved);
    assert_eq!(expected(&story), Some((NOON_US + 30 * HOUR_US) / 1_000_000));
    filed()
        .when(acknowledge(Some(0)))
        .refused("TIME_PASSED")
        .saying(&["expected_at", "2020-04-10T06:00:00Z"]);
    filed().after(acknowledge(Some(1)));
}

#[test]
fn an_amendment_says_all_anew_and_goes_to_triage_again() {
    let story = filed().after(triage("OFFICE"));
    let triaged = read(&story, "R1");
    assert_eq!(triaged.priority(), RequestPriority::Asap);
    assert_eq!(
        triaged.triage.map(|triage| triage.office_id),
        Some("OFFICE".to_owned())
    );
    let story = story.after(AmendRequest {
        needed_by: Some(date("2020-04-20")),
        clinical_reason_code: Some("J96.0".to_owned()),
        ..amend_lines(&[("OXYGEN", 3)])
    });
    let request = read(&story, "R1");
    assert_eq!(request.lines.len(), 1);
    assert_eq!(request.lines[0].commodity_id, "OXYGEN");
    assert_eq!(request.lines[0].requested, 3);
    assert_eq!(request.needed_by, "2020-04-20");
    assert_eq!(request.clinical_reason_code, "J96.0");
    assert_eq!(request.priority(), RequestPriority::Asap);
    assert_eq!(request.triage, None);
    assert_eq!(story.violations(), Vec::<String>::new());
    // What is not named stays.
    let story = story.after(AmendRequest {
        priority: Some(RequestPriority::Stat),
        ..amend()
    });
    assert_eq!(read(&story, "R1").needed_by, "2020-04-20");
    for same in [
        amend(),
        amend_lines(&[("OXYGEN", 3)]),
        AmendRequest {
            priority: Some(RequestPriority::Stat),
            needed_by: Some(date("2020-04-20")),
            ..amend()
        },
    ] {
        story.clone().when(same).refused("REQUEST_UNCHANGED");
    }
    story
        .clone()
        .when(AmendRequest {
            needed_by: Some(date("2020-04-09")),
            ..amend()
        })
        .refused("NEEDED_BY_PASSED");
    story
        .clone()
        .when(amend_lines(&[("NOTHING", 1)]))
        .refused("UNKNOWN_COMMODITY");
    let after_approval = story.after(approve_all("R1"));
    after_approval
        .when(amend_lines(&[("OXYGEN", 9)]))
        .refused("REQUEST_STATE")
        .saying(&["file another request"]);
}

#[test]
fn the_office_of_the_region_triages() {
    let story = filed();
    story
        .clone()
        .when(triage("WH"))
        .refused("NOT_A_FRONT_OFFICE")
        .saying(&["WAREHOUSE", "FRONT_OFFICE"]);
    story
        .clone()
        .when(triage("ELSEWHERE"))
        .refused("OFFICE_OF_ANOTHER_REGION")
        .saying(&["KZ-63", "KZ-35"]);
    story
        .clone()
        .when(triage("NOWHERE"))
        .refused("UNKNOWN_FACILITY");
    story
        .clone()
        .when(TriageRequest {
            forwarded_to_id: Some(code("NOBODY")),
            ..triage("OFFICE")
        })
        .refused("UNKNOWN_ORGANISATION");
    story
        .clone()
        .after(retire(Boundary::Facility(code("OFFICE"))))
        .when(triage("OFFICE"))
        .refused("RETIRED");
    let story = story.after(TriageRequest {
        priority: None,
        forwarded_to_id: None,
        ..triage("OFFICE")
    });
    assert_eq!(read(&story, "R1").priority(), RequestPriority::Urgent);
}

#[test]
fn a_duplicate_names_the_request_that_stands() {
    let story = filed().after(ask("R2", &[("TEST", 100)]));
    let marked = story.clone().after(duplicate("R2", "R1"));
    let request = read(&marked, "R2");
    assert_eq!(request.state(), RequestState::Rejected);
    assert_eq!(request.duplicate_of_id, "R1");
    assert_eq!(state(&marked), RequestState::Filed);
    let refused =
        |command: MarkDuplicate, reason: &str| story.clone().when(command).refused(reason);
    refused(duplicate("R1", "R1"), "DUPLICATE_OF_ITSELF");
    refused(duplicate("R1", "R9"), "UNKNOWN_REQUEST").saying(&["R9"]);
    refused(duplicate("R9", "R1"), "UNKNOWN_REQUEST").saying(&["R9"]);
    marked
        .when(duplicate("R1", "R2"))
        .refused("REQUEST_STATE")
        .saying(&["R2 is REJECTED"]);
    story
        .after(FileRequest {
            facility_id: code("FAR"),
            ..ask("R3", &[("TEST", 100)])
        })
        .when(duplicate("R1", "R3"))
        .refused("DUPLICATE_OF_ANOTHER_FACILITY")
        .saying(&["FAR", "HOSP"]);
}

/// A request that has ended says what is needed until somebody says that it no longer does, and then for good.
#[test]
fn what_an_ended_request_left_unmet_is_withdrawn() {
    let rejected = |reason| {
        filed().after(RejectRequest {
            reason,
            ..reject("R1")
        })
    };
    let closed = |reason| {
        sent().after(CloseRequestShort {
            reason,
            ..close_short()
        })
    };
    let less = Story::new()
        .after(pledge("D1", &[("TEST", 60)]))
        .after(receive("D1", vec![line("RAPID", 60, "B1")]))
        .after(ask("R1", &[("TEST", 100)]))
        .after(approve("R1", &[(1, 60)]))
        .after(ship_for("S1", "R1", &[("RAPID", 60)]))
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive("S1"));
    for (story, is_unmet) in [
        (rejected(RejectionReason::NotAvailable), true),
        (rejected(RejectionReason::SufficientStock), false),
        (closed(ShortClosingReason::NotAvailable), true),
        (closed(ShortClosingReason::NoTransport), true),
        (closed(ShortClosingReason::MetElsewhere), false),
        (less, true),
        (fulfilled(), false),
    ] {
        let before = read(&story, "R1");
        let story = story
            .after(ask("R8", &[("TEST", 1)]))
            .after(ask("R9", &[("TEST", 1)]));
        for command in [
            Box::new(take_back()) as Box<dyn Command>,
            Box::new(duplicate("R1", "R9")),
        ] {
            let decided = story.decide(command.as_ref());
            assert_eq!(decided.is_ok(), is_unmet, "{before:?}: {decided:?}");
            let Ok(events) = decided else {
                continue;
            };
            let said = story.clone().given(events);
            let request = read(&said, "R1");
            assert!(is_need(&before) && !is_need(&request), "{request:?}");
            let withdrawn = Request {
                duplicate_of_id: request.duplicate_of_id.clone(),
                cancellation_reason: request.cancellation_reason,
                ..before.clone()
            };
            assert_eq!(request, withdrawn);
            for again in [duplicate("R1", "R8"), duplicate("R1", "R9")] {
                said.clone().when(again).refused("REQUEST_STATE");
            }
        }
    }
    // Two that ended can't both say that the other one tells the need.
    let two = closed(ShortClosingReason::NotAvailable)
        .after(ask("R9", &[("TEST", 1)]))
        .after(approve_all("R9"))
        .after(CloseRequestShort {
            request_id: code("R9"),
            ..close_short()
        })
        .after(duplicate("R1", "R9"));
    two.when(duplicate("R9", "R1"))
        .refused("REQUEST_STATE")
        .saying(&["R1 is CLOSED_SHORT", "nor a duplicate itself"]);
}

#[test]
fn a_need_is_reconfirmed_with_another_day() {
    let story = approved().on("2020-04-15").after(ReconfirmNeed {
        needed_by: Some(date("2020-04-30")),
        ..reconfirm()
    });
    let request = read(&story, "R1");
    assert_eq!(request.needed_by, "2020-04-30");
    assert_eq!(request.reconfirmed_on, "2020-04-15");
    let story = story.on("2020-04-16").after(reconfirm());
    assert_eq!(read(&story, "R1").needed_by, "2020-04-30");
    assert_eq!(read(&story, "R1").reconfirmed_on, "2020-04-16");
    story
        .when(ReconfirmNeed {
            needed_by: Some(date("2020-04-15")),
            ..reconfirm()
        })
        .refused("NEEDED_BY_PASSED");
}

#[test]
fn only_what_can_not_wait_is_approved_by_word_of_mouth() {
    let story = Story::new().after(stat());
    filed()
        .when(by_word_of_mouth(5))
        .refused("WORD_OF_MOUTH_NOT_ALLOWED")
        .saying(&["URGENT"]);
    story
        .clone()
        .when(by_word_of_mouth(0))
        .refused("TIME_PASSED")
        .saying(&["word_of_mouth.confirm_by"]);
    story
        .clone()
        .when(by_word_of_mouth(7 * 24 + 1))
        .refused("TIME_TOO_FAR")
        .saying(&["2020-04-17T06:00:00Z"]);
    story.clone().after(by_word_of_mouth(7 * 24));
    let spoken = story.after(by_word_of_mouth(5));
    let request = read(&spoken, "R1");
    assert_eq!(request.state(), RequestState::Approved);
    assert_eq!(
        request.word_of_mouth.map(|it| it.approved_by_ref),
        Some("person:9".to_owned())
    );
    let confirmed = spoken.clone().after(confirm());
    assert_eq!(read(&confirmed, "R1").confirmed_by_ref, "person:9");
    confirmed.when(confirm()).refused("NOTHING_TO_CONFIRM");
    approved().when(confirm()).refused("NOTHING_TO_CONFIRM");
    // Also when it is late, or all has come.
    let mut late = spoken;
    late.now_us += 50 * HOUR_US;
    late.after(confirm());
}

#[test]
fn a_need_is_met_by_what_the_approval_says() {
    let story = needy(need(None, None));
    let request = read(&story, "R1");
    assert_eq!(request.lines[0].requested, 0);
    assert_eq!(request.lines[0].commodity_id, "");
    let refused =
        |command: ApproveRequest, reason: &str| story.clone().when(command).refused(reason);
    refused(approve_all("R1"), "NEED_UNANSWERED").saying(&["line 1"]);
    refused(met_by(12, None, None), "NEED_UNANSWERED");
    refused(met_by(12, Some("TEST"), Some("CONC")), "COMMODITY_MISMATCH");
    refused(met_by(12, None, Some("NOTHING")), "UNKNOWN_ITEM");
    refused(met_by(0, None, None), "NOTHING_APPROVED");
    let met = story.clone().after(met_by(12, None, Some("CONC")));
    let answered = &read(&met, "R1").lines[0];
    assert_eq!(
        (
            answered.commodity_id.as_str(),
            answered.item_id.as_str(),
            answered.requested,
            answered.approved
        ),
        ("OXYGEN", "CONC", 12, 12)
    );
    assert_eq!(met.violations(), Vec::<String>::new());
    met.when(ship_for("S1", "R1", &[("CONC", 13)]))
        .refused("EXCEEDS_APPROVED");
    // A need of a commodity is met by it, or by an item of it.
    let story = needy(need(None, Some("OXYGEN")));
    story
        .clone()
        .when(met_by(1, Some("TEST"), None))
        .refused("GOODS_DECIDED");
    story.clone().after(met_by(3, None, Some("CONC")));
    assert_eq!(
        read(&story.after(met_by(3, None, None)), "R1").lines[0].approved,
        3
    );
    // With a quantity, the need only explains it.
    let story = needy(need(Some(5), Some("OXYGEN")));
    story
        .clone()
        .when(met_by(6, None, None))
        .refused("APPROVAL_EXCEEDS_REQUEST");
    story
        .clone()
        .when(met_by(5, None, Some("CONC")))
        .refused("GOODS_DECIDED");
    story.after(approve_all("R1"));
}

#[test]
fn a_request_is_filed_on_behalf_of_another() {
    let by = |filed_by_id: &str| FileRequest {
        clinical_reason_code: "J96.0".to_owned(),
        filing: Some(Filing {
            channel: RequestChannel::Phone.into(),
            filed_by_id: filed_by_id.to_owned(),
            asked_by_ref: "person:7".to_owned(),
        }),
        ..ask("R1", &[("TEST", 1)])
    };
    let request = read(&Story::new().after(by("MOH")), "R1");
    assert_eq!(request.clinical_reason_code, "J96.0");
    assert_eq!(
        request.filing.map(|filing| filing.filed_by_id),
        Some("MOH".to_owned())
    );
    Story::new()
        .when(by("NOBODY"))
        .refused("UNKNOWN_ORGANISATION");
}

#[test]
fn those_on_duty_that_day_are_called() {
    let story = filed().after(roster(vec![
        on_duty("person:2", "2020-04-10", "2020-04-11"),
        on_duty("person:1", "2020-04-01", "2020-04-10"),
        on_duty("person:3", "2020-04-11", "2020-04-30"),
    ]));
    let called = |story: &Story| {
        let known = read(story, "R1").escalations;
        let last = known.last().expect("an escalation").clone();
        (last.level, last.region_id.clone(), last.on_duty_refs)
    };
    let not_answered = |level| escalate(EscalationReason::NotAnswered, level);
    let story = story.after(not_answered(None));
    assert_eq!(
        called(&story),
        (
            1,
            "KZ-62".to_owned(),
            vec!["person:2".to_owned(), "person:1".to_owned()]
        )
    );
    story
        .clone()
        .when(not_answered(Some(1)))
        .refused("ALREADY_ESCALATED")
        .saying(&["level 1"]);
    let story = story.on("2020-04-12").after(not_answered(Some(3)));
    assert_eq!(called(&story).0, 3);
    assert_eq!(called(&story).2, ["person:3"]);
    assert_eq!(read(&story, "R1").escalations.len(), 1);
    // Nobody is on duty: that it was escalated still stands.
    let story = story.on("2020-05-12").after(not_answered(None));
    assert_eq!(called(&story), (4, "KZ-62".to_owned(), Vec::new()));
}

#[test]
fn nobody_is_called_before_it_is_due() {
    let overdue = || escalate(EscalationReason::Overdue, None);
    let missed = || escalate(EscalationReason::ExpectationMissed, None);
    let unconfirmed = || escalate(EscalationReason::NotConfirmed, None);
    filed().when(overdue()).refused("NOT_DUE");
    filed().when(missed()).refused("NOT_DUE");
    filed().when(unconfirmed()).refused("NOTHING_TO_CONFIRM");
    let story = with_offices()
        .after(FileRequest {
            needed_by: Some(date("2020-04-12")),
            ..stat()
        })
        .after(acknowledge(Some(5)));
    story
        .clone()
        .on("2020-04-12")
        .when(overdue())
        .refused("NOT_DUE")
        .saying(&["2020-04-12"]);
    story.clone().on("2020-04-13").after(overdue());
    let hours = |story: &Story, hours: i64| {
        let mut later = story.clone();
        later.now_us = NOON_US + hours * HOUR_US;
        later
    };
    hours(&story, 4).when(missed()).refused("NOT_DUE");
    hours(&story, 5).after(missed());
    let spoken = story.after(by_word_of_mouth(24));
    hours(&spoken, 23)
        .when(unconfirmed())
        .refused("NOT_DUE")
        .saying(&["2020-04-11T06:00:00Z"]);
    hours(&spoken, 24).after(unconfirmed());
    hours(&spoken, 23)
        .after(confirm())
        .on("2020-04-13")
        .when(unconfirmed())
        .refused("NOTHING_TO_CONFIRM");
}

#[test]
fn a_roster_says_who_is_on_duty() {
    let story = Story::new();
    let shift = || on_duty("person:1", "2020-04-01", "2020-04-10");
    let story = story.after(roster(vec![shift()]));
    story
        .clone()
        .when(roster(vec![shift()]))
        .refused("NOTHING_CHANGES");
    story
        .clone()
        .when(SetDutyRoster {
            region_id: code("KZ-99"),
            shifts: vec![shift()],
        })
        .refused("UNKNOWN_REGION");
    story
        .clone()
        .when(roster(vec![DutyShift {
            organisation_id: "NOBODY".to_owned(),
            ..shift()
        }]))
        .refused("UNKNOWN_ORGANISATION");
    story
        .clone()
        .when(roster(vec![
            shift(),
            on_duty("person:2", "2020-04-10", "2020-04-09"),
        ]))
        .refused("DAYS_OUT_OF_ORDER")
        .saying(&["shifts[1].last_day"]);
    story.after(roster(Vec::new()));
}

#[test]
fn a_substitute_is_sent_once_it_is_accepted() {
    let exact = |item_id: &str| NeededGoods {
        line: 1,
        commodity_id: None,
        item_id: Some(code(item_id)),
        quantity: Some(quantity(10)),
        need: None,
    };
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive("D1", vec![line("RAPID", 1_000, "B1")]))
        .after(FileRequest {
            lines: vec![exact("PCR")],
            ..ask("R1", &[])
        })
        .after(approve_all("R1"));
    let send = || ship_for("S1", "R1", &[("RAPID", 10)]);
    story.clone().when(send()).refused("REQUEST_LINE_MISMATCH");
    story
        .clone()
        .when(offer(1, "PCR"))
        .refused("SUBSTITUTE_NOT_NEEDED");
    story
        .clone()
        .when(offer(2, "RAPID"))
        .refused("UNKNOWN_REQUEST_LINE");
    story
        .clone()
        .when(offer(1, "NOTHING"))
        .refused("UNKNOWN_ITEM");
    story
        .clone()
        .after(retire(Boundary::Item(code("RAPID"))))
        .when(offer(1, "RAPID"))
        .refused("RETIRED");
    story.clone().when(accept(1)).refused("UNKNOWN_OFFER");
    let offered = story.after(offer(1, "RAPID"));
    offered
        .clone()
        .when(offer(1, "RAPID"))
        .refused("OFFERED_ALREADY");
    offered
        .clone()
        .when(send())
        .refused("REQUEST_LINE_MISMATCH");
    let declined = offered.clone().after(decline(1));
    declined
        .clone()
        .when(send())
        .refused("REQUEST_LINE_MISMATCH");
    declined
        .clone()
        .when(accept(1))
        .refused("OFFER_ANSWERED")
        .saying(&["DECLINED"]);
    // Circumstances change: it may be offered again.
    let story = declined.after(offer(1, "RAPID")).after(accept(2));
    let offers = read(&story, "R1").substitutes;
    assert_eq!(
        offers
            .iter()
            .map(SubstituteOffer::state)
            .collect::<Vec<_>>(),
        [SubstituteState::Declined, SubstituteState::Accepted]
    );
    let story = story
        .after(send())
        .after(allocate("S1"))
        .after(dispatch("S1"))
        .after(arrive("S1"));
    assert_eq!(state(&story), RequestState::Fulfilled);
    assert_eq!(story.violations(), Vec::<String>::new());
}

#[test]
fn what_was_offered_for_another_need_stands_no_longer() {
    let story = Story::new()
        .after(pledge("D1", &[("TEST", 1_000)]))
        .after(receive("D1", vec![line("RAPID", 1_000, "B1")]))
        .after(ask("R1", &[("OXYGEN", 3), ("GLOVES", 9)]))
        .after(offer(1, "RAPID"))
        .after(accept(1))
        .after(offer(2, "RAPID"));
    // As many more of the same change nothing; another commodity on the line does.
    let more = story
        .clone()
        .after(amend_lines(&[("OXYGEN", 5), ("GLOVES", 9)]));
    let states = |story: &Story| -> Vec<SubstituteState> {
        let known = read(story, "R1").substitutes;
        known.iter().map(SubstituteOffer::state).collect()
    };
    assert_eq!(
        states(&more),
        [SubstituteState::Accepted, SubstituteState::Offered]
    );
    let other = story.after(amend_lines(&[("GLOVES", 5)]));
    assert_eq!(states(&other), [SubstituteState::Declined; 2]);
    other
        .clone()
        .when(accept(2))
        .refused("OFFER_ANSWERED")
        .saying(&["DECLINED"]);
    // So tests are not sent for gloves.
    other
        .after(approve_all("R1"))
        .when(ship_for("S1", "R1", &[("RAPID", 5)]))
        .refused("REQUEST_LINE_MISMATCH");
}

#[test]
fn offers_are_bounded() {
    let mut story = Story::new().after(ask("R1", &[("OXYGEN", 1)]));
    for number in 1..=50 {
        story = story.after(offer(1, "RAPID")).after(decline(number));
    }
    story.when(offer(1, "RAPID")).refused("TOO_MANY_RECORDS");
}

#[test]
fn what_was_closed_short_takes_in_what_was_on_its_way() {
    let story = sent().after(ship_for("S2", "R1", &[("RAPID", 40)]));
    let closed = story.clone().after(close_short());
    // What was planned before is not claimed any more.
    closed
        .clone()
        .when(allocate("S2"))
        .refused("REQUEST_STATE")
        .saying(&["CLOSED_SHORT"]);
    let closed = closed.after(arrive_with(
        "S1",
        vec![
            found(1, 50, ReceiptOutcome::Good),
            found(1, 10, ReceiptOutcome::Damaged),
        ],
    ));
    let request = read(&closed, "R1");
    assert_eq!(request.state(), RequestState::ClosedShort);
    assert_eq!(request.closing_reason(), ShortClosingReason::NotAvailable);
    assert_eq!(
        (request.lines[0].received, request.lines[0].allocated),
        (50, 50)
    );
    assert_eq!(closed.violations(), Vec::<String>::new());
    // Nothing is short where all is on its way.
    story
        .after(allocate("S2"))
        .when(close_short())
        .refused("NOTHING_SHORT_OF_REQUEST");
}

#[test]
fn several_requests_share_a_shipment_and_several_shipments_serve_a_request() {
    let story = sent()
        .after(ask("R2", &[("TEST", 30)]))
        .after(approve_all("R2"));
    let mut both = ship_for("S2", "R1", &[("RAPID", 40), ("RAPID", 30)]);
    both.lines[1].request = Some((code("R2"), 1));
    let story = story
        .after(both)
        .after(allocate("S2"))
        .after(dispatch("S2"))
        .after(arrive("S2"));
    assert_eq!(read(&story, "R2").state(), RequestState::Fulfilled);
    assert_eq!(state(&story), RequestState::PartlyFulfilled);
    let story = story.after(arrive("S1"));
    assert_eq!(state(&story), RequestState::Fulfilled);
    assert_eq!(story.violations(), Vec::<String>::new());
}

/// One command after another with many faults, of which one is put right each time.
#[test]
fn which_of_several_faults_answers() {
    let ladder = |story: &Story, commands: Vec<(Box<dyn Command>, &str)>| {
        let mut stages = Vec::new();
        for (command, reason) in commands {
            let rejection = story.decide(command.as_ref()).expect_err(reason);
            assert_eq!(rejection.reason(), reason, "{rejection}");
            stages.push(rejection.stage());
        }
        assert!(stages.is_sorted(), "{stages:?}");
    };
    let unknown: fn(&str) -> Code = code;
    let need_line = |id: &str, item_id: &str, quantity| ApproveRequest {
        request_id: unknown(id),
        ..met_by(quantity, None, Some(item_id))
    };
    let spoken = |command: ApproveRequest| ApproveRequest {
        spoken: by_word_of_mouth(0).spoken,
        ..command
    };
    ladder(
        &Story::new().after(stat()),
        vec![
            (
                Box::new(spoken(need_line("R9", "NOTHING", 999))),
                "UNKNOWN_REQUEST",
            ),
            (
                Box::new(spoken(need_line("R1", "NOTHING", 999))),
                "UNKNOWN_ITEM",
            ),
            (Box::new(spoken(need_line("R1", "PCR", 999))), "TIME_PASSED"),
            (Box::new(need_line("R1", "PCR", 999)), "GOODS_DECIDED"),
            (
                Box::new(met_by(999, None, None)),
                "APPROVAL_EXCEEDS_REQUEST",
            ),
        ],
    );
    let closed = filed()
        .after(close("HOSP"))
        .after(ask_elsewhere("R2"))
        .after(reject("R2"));
    ladder(
        &closed,
        vec![
            (Box::new(offer(9, "NOTHING")), "UNKNOWN_ITEM"),
            (
                Box::new(OfferSubstitute {
                    request_id: code("R2"),
                    ..offer(9, "RAPID")
                }),
                "REQUEST_STATE",
            ),
            (Box::new(offer(9, "RAPID")), "UNKNOWN_REQUEST_LINE"),
            (Box::new(offer(1, "RAPID")), "SUBSTITUTE_NOT_NEEDED"),
        ],
    );
    ladder(
        &closed,
        vec![
            (Box::new(duplicate("R1", "R9")), "UNKNOWN_REQUEST"),
            (Box::new(duplicate("R2", "R2")), "REQUEST_STATE"),
            (Box::new(duplicate("R1", "R1")), "DUPLICATE_OF_ITSELF"),
        ],
    );
    let past = AmendRequest {
        needed_by: Some(date("2020-01-01")),
        ..amend_lines(&[("NOTHING", 1), ("TEST", 1)])
    };
    let mut twice = amend_lines(&[("TEST", 1), ("TEST", 1)]);
    if let Some(line) = twice.lines.as_mut().and_then(|lines| lines.get_mut(1)) {
        line.line = 1;
    }
    ladder(
        &closed,
        vec![
            (Box::new(past.clone()), "UNKNOWN_COMMODITY"),
            (
                Box::new(AmendRequest {
                    lines: twice.lines.clone(),
                    ..past
                }),
                "NEEDED_BY_PASSED",
            ),
            (Box::new(twice), "DUPLICATE_LINE"),
            (
                Box::new(amend_lines(&[("TEST", 100), ("GLOVES", 50)])),
                "REQUEST_UNCHANGED",
            ),
        ],
    );
}

fn ask_elsewhere(id: &str) -> FileRequest {
    FileRequest {
        facility_id: code("FAR"),
        ..ask(id, &[("TEST", 1)])
    }
}

//! Hospitals ask, and front offices decide.

use keruen_proto::requests::v1::{
    ApproveRequestRequest, ApprovedLine, FileRequestRequest, RejectRequestRequest, RejectionReason,
    RequestLine, RequestPriority,
};

use super::{
    super::player::{Player, step},
    chapter, say,
};

pub(super) async fn play(player: &mut Player) -> anyhow::Result<()> {
    use RequestPriority::{Asap, Routine, Stat, Urgent};
    chapter(3, "Hospitals ask (illustrative)");
    let requests = [
        (
            "REQ-ARKALYK-O2",
            "ARKALYK-HOSPITAL",
            "O2-CONCENTRATOR",
            6,
            Stat,
        ),
        (
            "REQ-ARKALYK-TESTS",
            "ARKALYK-HOSPITAL",
            "TEST-SARS2",
            400,
            Urgent,
        ),
        (
            "REQ-ZHANATAS-O2",
            "ZHANATAS-HOSPITAL",
            "O2-CONCENTRATOR",
            4,
            Asap,
        ),
        (
            "REQ-ZHANATAS-TESTS",
            "ZHANATAS-HOSPITAL",
            "TEST-SARS2",
            600,
            Urgent,
        ),
        ("REQ-AYAGOZ-VENT", "AYAGOZ-HOSPITAL", "VENTILATOR", 2, Stat),
        (
            "REQ-AYAGOZ-VENT-2",
            "AYAGOZ-HOSPITAL",
            "VENTILATOR",
            2,
            Stat,
        ),
        (
            "REQ-BEINEU-O2",
            "BEINEU-HOSPITAL",
            "O2-CONCENTRATOR",
            10,
            Asap,
        ),
        (
            "REQ-JEZQAZGHAN-TESTS",
            "JEZQAZGHAN-HOSPITAL",
            "TEST-SARS2",
            300,
            Routine,
        ),
    ];
    for (id, facility, commodity, quantity, priority) in requests {
        let needed_by = player.day(if matches!(priority, Stat) { 2 } else { 14 });
        step!(
            player,
            "nurse",
            &format!("file {id}"),
            requests.file_request,
            FileRequestRequest {
                request_id: id.to_owned(),
                facility_id: facility.to_owned(),
                lines: vec![RequestLine {
                    commodity_id: commodity.to_owned(),
                    requested: quantity,
                    ..RequestLine::default()
                }],
                priority: priority.into(),
                needed_by
            }
        )?;
    }
    say(
        "8 requests come in: oxygen for Arkalyk, Zhanatas and Beineu, ventilators for Ayagoz, tests for three hospitals.",
    );
    decisions(player).await
}

async fn decisions(player: &mut Player) -> anyhow::Result<()> {
    for (id, approved) in [
        ("REQ-ARKALYK-O2", 6),
        ("REQ-ARKALYK-TESTS", 400),
        ("REQ-ZHANATAS-O2", 3),
        ("REQ-ZHANATAS-TESTS", 600),
        ("REQ-AYAGOZ-VENT", 2),
        ("REQ-BEINEU-O2", 10),
    ] {
        step!(
            player,
            "front-office",
            &format!("approve {id}"),
            requests.approve_request,
            ApproveRequestRequest {
                request_id: id.to_owned(),
                lines: vec![ApprovedLine {
                    line: 1,
                    quantity: approved,
                    ..ApprovedLine::default()
                }]
            }
        )?;
    }
    step!(
        player,
        "front-office",
        "reject REQ-AYAGOZ-VENT-2",
        requests.reject_request,
        RejectRequestRequest {
            request_id: "REQ-AYAGOZ-VENT-2".to_owned(),
            reason: RejectionReason::Duplicate.into()
        }
    )?;
    say(
        "6 are approved (Zhanatas gets 3 of 4 concentrators), 1 is a duplicate and rejected, 1 still waits.",
    );
    Ok(())
}

//! A morning in a regional front office: who needs what, who asked twice, who decides, and who drives.

use serde_json::Value;

use keruen_tests::scene::{HOSPITAL, MASK, MASK_A, NORTH, PUMP};

use crate::{Town, number, of};

const INBOX: &str = "inbox --role office --region KZ-62";

/// The requests that wait, the first to be seen to first.
fn waiting(rows: &[Value]) -> Vec<&str> {
    of(rows, "kind", "INBOX_KIND_TO_TRIAGE", "requestId")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_office_sees_to_everything_that_came_overnight() {
    let town = Town::awakes().await;
    for line in [
        "organisation register AKIMAT --name-en Akimat --kind ministry",
        "organisation register WHEELS --name-en Wheels --kind volunteer-group --kind carrier",
        "facility register OFFICE --name-en Office --kind front-office --region KZ-62 \
         --time-zone Asia/Almaty --operator AKIMAT",
        "facility register OTHER --name-en Elsewhere --kind front-office --region KZ-75 \
         --time-zone Asia/Almaty --operator AKIMAT",
        "facility register CLINIC --name-en Clinic --kind hospital --region KZ-62 \
         --time-zone Asia/Almaty --operator AKIMAT",
        "duty set KZ-62 --shift person=person:41,organisation=AKIMAT,from=2020-01-01,until=2099-12-31",
        &format!("stock open --facility {NORTH} --line item={MASK_A},quantity=500,owner=DONOR"),
    ] {
        town.types(line).success();
    }

    // Overnight the hospital asked, and in the morning another shift asked again for the same. The clinic has no line: it
    // rings, and the office files for it what cannot wait.
    for line in [
        format!(
            "request file --facility {HOSPITAL} --id NIGHT --line commodity={MASK},quantity=200"
        ),
        format!(
            "request file --facility {HOSPITAL} --id MORNING --line commodity={MASK},quantity=200"
        ),
        "request file --facility CLINIC --id RANG --priority stat --reason J96.0 --channel phone \
         --filed-by AKIMAT --asked-by person:8 \
         --line need=oxygen-therapy,patients=2,per-patient=5,unit=L2,days=3"
            .to_owned(),
    ] {
        town.types(&line).success();
    }
    let inbox = town.lists(INBOX);
    let mut asked = waiting(&inbox);
    assert_eq!(asked.remove(0), "RANG");
    asked.sort_unstable();
    assert_eq!(asked, ["MORNING", "NIGHT"]);
    // Another region's office has nothing to do with that.
    let elsewhere = town.lists("inbox --role office --region KZ-75");
    assert_eq!(elsewhere, Vec::<Value>::new());
    town.types("request triage NIGHT --office OTHER").refused(1);

    // Nobody has looked at what cannot wait, so whoever is on duty is called.
    town.types("request escalate RANG --reason not-answered")
        .success();
    let called = town.answers("request get RANG");
    assert!(called.to_string().contains("person:41"), "{called}");

    // What cannot wait goes to whoever decides, with a word to the clinic; the second asking is the first one's.
    for line in [
        "request acknowledge RANG --expected-at 2099-01-01T12:00:00+05:00",
        "request triage RANG --office OFFICE --forward-to AKIMAT",
        "request mark-duplicate MORNING --of NIGHT",
        "request triage NIGHT --office OFFICE --priority urgent",
    ] {
        town.types(line).success();
    }
    assert_eq!(waiting(&town.lists(INBOX)), Vec::<&str>::new());
    let decider = town.lists("inbox --role decider --organisation AKIMAT");
    assert_eq!(
        of(&decider, "kind", "INBOX_KIND_TO_APPROVE", "requestId"),
        ["RANG"]
    );
    // Word of mouth is good for a week at most; so it is done in writing.
    town.types(&format!(
        "request approve RANG --line line=1,quantity=2,commodity={PUMP} --by-word-of person:7 \
         --confirm-by 2099-01-01T12:00:00+05:00"
    ))
    .refused(1);
    town.types(&format!(
        "request approve RANG --line line=1,quantity=2,commodity={PUMP}"
    ))
    .success();

    // A crew of volunteers drives what the hospital asked for.
    for line in [
        "vehicle register VAN-1 --kind refrigerated --owner WHEELS --capacity-kg 900",
        "crew register CREW-1 --name-en First --organisation WHEELS --vehicle VAN-1",
        "volunteer register V-1 --person person:17 --organisation WHEELS --skill drives-cars",
        "volunteer assign V-1 CREW-1 --role driver",
        "request approve NIGHT --line line=1,quantity=150",
        &format!(
            "shipment request --from {NORTH} --to {HOSPITAL} --id VAN --line item={MASK_A},quantity=150,request=NIGHT"
        ),
        "shipment allocate VAN",
        "shipment dispatch VAN --custodian WHEELS --signed-by person:17",
    ] {
        town.types(line).success();
    }
    let crew = town.answers("crew get CREW-1");
    assert!(crew.to_string().contains("V-1"), "{crew}");
    let hospital = town.lists(&format!("inbox --role hospital --facility {HOSPITAL}"));
    assert_eq!(
        of(&hospital, "kind", "INBOX_KIND_TO_SIGN", "shipmentId"),
        ["VAN"]
    );
    town.types("shipment receive VAN --signed-by person:4")
        .success();

    // At noon the region has its masks, the office knows what is still open, and nothing waits for it.
    let stock = town.lists("stock --region KZ-62 --by region,commodity");
    let masks = stock.iter().find(|row| row["commodity"] == MASK);
    assert_eq!(masks.map(|row| number(&row["on_hand"])), Some(150));
    let night = town.answers("request get NIGHT");
    assert_eq!(night["request"]["state"], "REQUEST_STATE_FULFILLED");
    let left = town.lists("request list --open --region KZ-62");
    let left = left.iter().map(|row| row["request"]["requestId"].as_str());
    assert_eq!(left.collect::<Vec<_>>(), [Some("RANG")]);
    town.evening().await;
}

//! Somebody stands by an organisation from a day on, until a day, or until that is revoked.

use keruen_domain::{
    Boundary, Entry, limits,
    registry::{RevokeVerification, VerifyOrganisation, verification_on},
};
use keruen_proto::registry::v1::{
    DocumentKind, DocumentRef, Organisation, OrganisationVerified, RevocationReason, Verification,
    VerificationRevoked,
};

use crate::{amendment::retire, story::Story, world::*};

fn papers() -> Vec<DocumentRef> {
    vec![DocumentRef {
        kind: DocumentKind::Certificate.into(),
        number: "REG-17".to_owned(),
        ..DocumentRef::default()
    }]
}

pub fn verify(organisation_id: &str) -> VerifyOrganisation {
    VerifyOrganisation {
        organisation_id: code(organisation_id),
        verified_by_id: code("MOH"),
        verified_on: None,
        valid_until: None,
        documents: papers(),
    }
}

pub fn revoke(organisation_id: &str) -> RevokeVerification {
    RevokeVerification {
        organisation_id: code(organisation_id),
        revoked_on: None,
        reason: RevocationReason::LicenceEnded,
        documents: Vec::new(),
    }
}

fn on(day: &str) -> VerifyOrganisation {
    VerifyOrganisation {
        verified_on: Some(date(day)),
        ..verify("HELP")
    }
}

fn read(story: &Story, id: &str) -> Organisation {
    match story.read(&Boundary::Organisation(code(id))) {
        Entry::Organisation(organisation) => organisation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_organisation_is_verified_and_that_is_revoked() {
    let story = Story::new()
        .when(verify("HELP"))
        .then([OrganisationVerified {
            organisation_id: "HELP".to_owned(),
            verification: Some(Verification {
                verified_by_id: "MOH".to_owned(),
                verified_on: "2020-04-10".to_owned(),
                documents: papers(),
                ..Verification::default()
            }),
        }
        .into()]);
    let story = story
        .on("2020-06-01")
        .when(revoke("HELP"))
        .then([VerificationRevoked {
            organisation_id: "HELP".to_owned(),
            revoked_on: "2020-06-01".to_owned(),
            reason: RevocationReason::LicenceEnded.into(),
            documents: Vec::new(),
        }
        .into()]);
    let known = read(&story, "HELP");
    let last = known.verifications.last().expect("it was verified");
    assert_eq!(last.revocation_reason(), RevocationReason::LicenceEnded);
    for (day, counts) in [
        ("2020-04-09", false),
        ("2020-04-10", true),
        ("2020-05-31", true),
        ("2020-06-01", false),
    ] {
        assert_eq!(
            verification_on(&known, date(day)).is_some(),
            counts,
            "{day}"
        );
    }
    story.when(revoke("HELP")).refused("NOT_VERIFIED");
    Story::new().when(revoke("HELP")).refused("NOT_VERIFIED");
}

#[test]
fn a_verification_counts_through_its_last_day() {
    let until = VerifyOrganisation {
        valid_until: Some(date("2020-12-31")),
        ..verify("HELP")
    };
    let story = Story::new().after(until);
    let known = read(&story, "HELP");
    assert!(verification_on(&known, date("2020-12-31")).is_some());
    assert!(verification_on(&known, date("2021-01-01")).is_none());
    // The next one takes its place from its day on only.
    let story = story.on("2021-02-01").after(verify("HELP"));
    let known = read(&story, "HELP");
    assert!(verification_on(&known, date("2020-12-31")).is_some());
    assert!(verification_on(&known, date("2021-01-15")).is_none());
    assert!(verification_on(&known, date("2021-02-01")).is_some());
}

#[test]
fn nobody_stands_by_itself_and_days_follow_each_other() {
    let by_itself = VerifyOrganisation {
        verified_by_id: code("HELP"),
        ..verify("HELP")
    };
    Story::new().when(by_itself).refused("VERIFIED_BY_ITSELF");
    Story::new()
        .when(verify("NOBODY"))
        .refused("UNKNOWN_ORGANISATION");
    let by_nobody = VerifyOrganisation {
        verified_by_id: code("NOBODY"),
        ..verify("HELP")
    };
    Story::new()
        .when(by_nobody)
        .refused("UNKNOWN_ORGANISATION")
        .saying(&["NOBODY"]);
    let retired = |id: &str| Story::new().after(retire(Boundary::Organisation(code(id))));
    for id in ["HELP", "MOH"] {
        retired(id)
            .when(verify("HELP"))
            .refused("RETIRED")
            .saying(&[id]);
    }
    let backwards = VerifyOrganisation {
        valid_until: Some(date("2020-04-09")),
        ..verify("HELP")
    };
    Story::new()
        .when(backwards)
        .refused("VERIFICATION_OUT_OF_ORDER")
        .saying(&["valid_until", "2020-04-09", "2020-04-10"]);
    let story = Story::new().after(verify("HELP"));
    story
        .clone()
        .when(on("2020-04-09"))
        .refused("VERIFICATION_OUT_OF_ORDER");
    let early = RevokeVerification {
        revoked_on: Some(date("2020-04-09")),
        ..revoke("HELP")
    };
    story
        .clone()
        .when(early)
        .refused("VERIFICATION_OUT_OF_ORDER")
        .saying(&["revoked_on", "2020-04-10"]);
    // Once more after it was revoked, from that day on.
    let story = story.on("2020-05-01").after(revoke("HELP"));
    story
        .clone()
        .when(on("2020-04-30"))
        .refused("VERIFICATION_OUT_OF_ORDER");
    story.when(on("2020-05-01")).accepted();
}

/// A day that is mistyped could not be undone before it comes.
#[test]
fn nobody_is_verified_or_not_from_a_day_that_has_not_come() {
    Story::new()
        .when(on("2102-04-10"))
        .refused("DAY_AHEAD")
        .saying(&["verified_on", "2102-04-10", "2020-04-10"]);
    let revoked = |day: &str| RevokeVerification {
        revoked_on: Some(date(day)),
        ..revoke("HELP")
    };
    let story = Story::new().after(verify("HELP"));
    story
        .clone()
        .when(revoked("2020-04-11"))
        .refused("DAY_AHEAD")
        .saying(&["revoked_on", "2020-04-11", "2020-04-10"]);
    story.when(revoked("2020-04-10")).accepted();
    // What became known late counts from a day since then.
    let late = Story::new().late(10 * 86_400);
    late.clone().when(on("2020-04-10")).accepted();
    late.when(on("2020-04-11")).refused("DAY_AHEAD");
}

/// Nothing is refused to who is not verified.
#[test]
fn who_is_not_verified_gives_and_carries_all_the_same() {
    Story::new()
        .after(verify("KASPI"))
        .after(revoke("KASPI"))
        .when(pledge("D1", &[("TEST", 1)]))
        .accepted();
}

#[test]
fn verifications_are_bounded() {
    let mut story = Story::new();
    for _ in 0..limits::VERIFICATIONS {
        story = story.after(verify("HELP"));
    }
    story.when(verify("HELP")).refused("TOO_MANY_RECORDS");
}

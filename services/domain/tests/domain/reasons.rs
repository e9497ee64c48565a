//! Every reason for a refusal is tested.

use keruen_domain::Rejection;

const TESTS: &[&str] = &[
    include_str!("registry.rs"),
    include_str!("amendment.rs"),
    include_str!("verification.rs"),
    include_str!("packs.rs"),
    include_str!("fleet.rs"),
    include_str!("donation.rs"),
    include_str!("closing.rs"),
    include_str!("consignment.rs"),
    include_str!("money.rs"),
    include_str!("earmark.rs"),
    include_str!("title.rs"),
    include_str!("title_under_way.rs"),
    include_str!("correction.rs"),
    include_str!("stock.rs"),
    include_str!("count.rs"),
    include_str!("asset.rs"),
    include_str!("contents.rs"),
    include_str!("mobile.rs"),
    include_str!("unidentified.rs"),
    include_str!("excursion.rs"),
    include_str!("request.rs"),
    include_str!("request_life.rs"),
    include_str!("emergency.rs"),
    include_str!("plan.rs"),
    include_str!("shipment.rs"),
    include_str!("journey.rs"),
    include_str!("custody.rs"),
    include_str!("trip.rs"),
    include_str!("quality.rs"),
    include_str!("kit.rs"),
    include_str!("gone.rs"),
    include_str!("voiding.rs"),
];

#[test]
fn every_reason_has_a_test() {
    for (reason, _) in Rejection::REASONS {
        // Reasons stand in those files only where a command must be refused.
        let quoted = format!("\"{reason}\"");
        assert!(
            TESTS.iter().any(|text| text.contains(&quoted)),
            "no test is refused with {reason}"
        );
    }
}

#[test]
fn the_table_stands_in_order_of_precedence_and_names_each_reason_once() {
    assert!(Rejection::REASONS.is_sorted_by_key(|(_, stage)| *stage));
    let mut reasons: Vec<_> = Rejection::REASONS
        .iter()
        .map(|(reason, _)| reason)
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), Rejection::REASONS.len());
}

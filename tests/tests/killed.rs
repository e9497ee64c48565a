//! A short run of the crash harness.

use keruen_tests::crash::{self, Options};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_or_doubled_when_anything_is_killed() {
    let options = Options {
        cycles: 8,
        seed: 0x6b65_7275,
    };
    let report = crash::run(&options, |progress| eprintln!("{progress}")).await;
    assert!(report.is_clean(), "{:#?}", report.wrong());
    let told = report.to_json();
    assert_eq!(told["cycles"], 8, "{told}");
    assert!(told["acked"].as_u64() > Some(100), "{told}");
    assert_eq!(told["tree_valid"], true, "{told}");
}

//! A short run of the crash harness.

use keruen_tests::crash::{self, Options};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_or_doubled_when_anything_is_killed() {
    let options = Options {
        cycles: 10,
        seed: 0x6b65_7275,
    };
    let report = crash::run(&options, |progress| eprintln!("{progress}")).await;
    assert!(report.is_clean(), "{:#?}", report.wrong());
    let told = report.to_json();
    assert_eq!(told["cycles"], 10, "{told}");
    assert!(told["acked"].as_u64() > Some(100), "{told}");
    assert_eq!(told["tree_valid"], true, "{told}");
    assert_eq!(told["stream_valid"], true, "{told}");
    for victim in ["writer", "standby", "postgres", "nats", "sqlite_writer"] {
        assert_eq!(told["kills"][victim], 2, "{told}");
    }
}

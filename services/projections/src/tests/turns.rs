//! Statements wait for their turn.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use keruen_proto::reports::v1::report_service_server::ReportService as _;
use tonic::{Code, Request};

use super::{
    faulty::{Faulty, Mood},
    following::{append, open_log, until},
    history::eventful,
    statement::of_donor,
};
use crate::{
    endpoint::StockEndpoint,
    report::{ReportEndpoint, STATEMENTS},
    views::{ViewOptions, Views},
};

#[tokio::test(flavor = "multi_thread")]
async fn few_statements_are_made_at_once_and_none_for_ever() {
    let history = eventful();
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events).await;
    let options = ViewOptions {
        max_query: Duration::from_secs(2),
        ..ViewOptions::default()
    };
    let views = Views::in_folder(dir.path(), options).unwrap();
    let running = views.run(log.clone());
    until(&views, |status| {
        status.position == history.events.len() as u64
    })
    .await;
    let faulty = Faulty::new(log);
    let stock = StockEndpoint::new(views.clone(), faulty.clone());
    let reports = Arc::new(ReportEndpoint::new(stock));
    let ask = || {
        let reports = Arc::clone(&reports);
        tokio::spawn(async move { reports.get_statement(Request::new(of_donor())).await })
    };
    faulty.others.mood.send_replace(Mood::Waits);
    let asked: Vec<_> = (0..STATEMENTS * 3).map(|_| ask()).collect();
    for asked in asked {
        let refused = asked.await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    }
    assert_eq!(faulty.others.most.load(Ordering::Relaxed), STATEMENTS);
    faulty.others.mood.send_replace(Mood::Well);
    let statement = ask().await.unwrap().unwrap().into_inner();
    assert!(!statement.rows.is_empty());
    running.stop().await;
}

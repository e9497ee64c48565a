//! Rows of an older version, which lack a counter, on each database.

use std::sync::Arc;

use keruen_log::{Log, Query, Range};
use keruen_proto::reports::v1::{GetStatementRequest, StatementRow, get_statement_request::Party};
use keruen_proto::stock::v1::{
    ListStockRequest, ListStockResponse, StockGroup, StockRow, stock_service_server::StockService,
};
use pbjson_types::Timestamp;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use super::{
    following::{append, open_log},
    history::eventful,
    places::places,
    statement::LAST_DAY,
    stores::{answering, open},
};
use crate::{
    copies::{CopyName, Place},
    endpoint::StockEndpoint,
    report::StatementQuery,
    view::{self, View},
    views::{ViewOptions, Views},
};

const COUNTER: &str = "in_transit_out";

/// The same view as a former program had it.
fn former(view: &View) -> &'static View {
    Box::leak(Box::new(view.in_version(view.version - 1)))
}

/// Changes the copies of former programs, which are built where there are none.
async fn change(place: &Place, statements: impl Fn(&View) -> Vec<String> + Send + 'static) {
    let place = place.clone();
    let changed = tokio::task::spawn_blocking(move || {
        for view in view::ALL {
            let mut writer = open(&place, former(view));
            for statement in statements(view) {
                writer.connection().execute_batch(&statement).unwrap();
            }
        }
    });
    changed.await.unwrap();
}

/// Copies of former programs, in which no table has the counter.
async fn build_former(place: &Place, log: &dyn Log) {
    let log_id = log.head().await.unwrap().log_id;
    let page = log.read(&Query::default(), Range::after(0), 10_000).await;
    let events = page.unwrap().events;
    let at = place.clone();
    let built = tokio::task::spawn_blocking(move || {
        for view in view::ALL {
            let mut writer = open(&at, former(view));
            writer.start_over(&log_id).unwrap();
            assert_eq!(writer.apply(&events).unwrap().defect, None);
        }
    });
    built.await.unwrap();
    change(place, |view| {
        let tables = view.tables().iter();
        let tables = tables.filter(|table| table.columns.contains(&COUNTER));
        tables
            .map(|table| format!("ALTER TABLE {} DROP COLUMN {COUNTER}", table.name))
            .collect()
    })
    .await;
}

/// Views that answer from those copies, and stand still.
async fn views_of_former(place: &Place, position: u64) -> Arc<Views> {
    let views = Views::at(place, ViewOptions::default());
    for keeper in views.keepers() {
        let (at, view) = (place.clone(), keeper.view);
        let copy = tokio::task::spawn_blocking(move || answering(&at, view));
        let copy: CopyName = copy.await.unwrap();
        assert_eq!(copy.version, keeper.view.version - 1);
        keeper.answer_from(&copy);
        keeper.update(|status| {
            status.ready = true;
            status.position = position;
            status.version = copy.version;
            true
        });
    }
    views
}

/// Of now, as known at a position, as of a time and of both, in all the ways in which counters are added up.
fn questions(position: u64, time_us: i64) -> Vec<ListStockRequest> {
    let groups: [&[StockGroup]; 5] = [
        &[StockGroup::Region, StockGroup::Commodity],
        &[StockGroup::Facility, StockGroup::Item],
        &[StockGroup::Batch, StockGroup::Owner],
        &[StockGroup::Facility, StockGroup::Custodian],
        &[StockGroup::Custodian, StockGroup::Batch, StockGroup::Asset],
    ];
    let as_of = Some(Timestamp {
        seconds: time_us.div_euclid(1_000_000),
        nanos: 0,
    });
    let times = [(0, None), (position, None), (0, as_of), (position, as_of)];
    let questions = groups.iter().flat_map(|groups| {
        times.map(|(known_at_position, as_of)| ListStockRequest {
            group_by: groups.iter().map(|group| (*group).into()).collect(),
            page_size: 10_000,
            known_at_position,
            as_of,
            ..ListStockRequest::default()
        })
    });
    questions.collect()
}

async fn ask(
    endpoint: &StockEndpoint,
    question: &ListStockRequest,
) -> Result<ListStockResponse, Status> {
    let answer = endpoint.list_stock(Request::new(question.clone())).await;
    answer.map(tonic::Response::into_inner)
}

async fn refused(endpoint: &StockEndpoint, question: &ListStockRequest) {
    let status = ask(endpoint, question).await.unwrap_err();
    let reason = status.get_details_error_info().map(|info| info.reason);
    assert_eq!(reason.as_deref(), Some("VIEW_STARTING"), "{status}");
}

/// What a donor is told, which is nothing of the counter.
async fn statement(views: &Arc<Views>, log: &Arc<dyn Log>, position: u64) -> Vec<StatementRow> {
    let request = GetStatementRequest {
        party: Some(Party::DonorId("KASPI".to_owned())),
        at_position: position,
        ..GetStatementRequest::default()
    };
    let today = LAST_DAY.parse().unwrap();
    let query = StatementQuery::parse(&request, log, today).await.unwrap();
    query.answer(views, log).await.unwrap().rows
}

/// What is told without the counter.
fn without(rows: Vec<StockRow>) -> Vec<StockRow> {
    let rows = rows.into_iter().map(|row| StockRow {
        in_transit_out: 0,
        ..row
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_lack_a_counter_tell_all_others_and_name_it() {
    let history = eventful();
    let position = history.events.len() as u64;
    let middle = &history.events[history.events.len() / 2];
    let time_us = middle.occurred_at.as_ref().unwrap().time_us;
    let questions = questions(position / 2, time_us);
    let dir = tempfile::tempdir().unwrap();
    for (number, (place, _database)) in places(dir.path()).into_iter().enumerate() {
        let log: Arc<dyn Log> = open_log(&dir.path().join(format!("{number}.db")));
        append(&*log, &history.events).await;
        build_former(&place, &*log).await;
        let views = views_of_former(&place, position).await;
        let endpoint = StockEndpoint::new(views.clone(), log.clone());
        let mut answers = Vec::new();
        for question in &questions {
            answers.push(ask(&endpoint, question).await.unwrap());
        }
        let stated = statement(&views, &log, position).await;
        refuse_what_is_untold(&endpoint, &place, &questions).await;

        let running = views.run(log.clone());
        for keeper in views.keepers() {
            let mut status = keeper.watch_status();
            let version = keeper.view.version;
            let is_built = |it: &crate::Status| it.version == version && it.position == position;
            status.wait_for(is_built).await.unwrap();
        }
        let mut told = 0;
        for (question, older) in questions.iter().zip(answers) {
            let newer = ask(&endpoint, question).await.unwrap();
            assert!(newer.untold_counters.is_empty(), "{question:?}");
            assert!(!newer.rows.is_empty(), "{question:?}");
            let is_past = question.known_at_position > 0 || question.as_of.is_some();
            let custodian = i32::from(StockGroup::Custodian);
            if !is_past && question.group_by.contains(&custodian) {
                // What is in somebody's hands is told by shipments.
                assert!(older.untold_counters.is_empty(), "{question:?}");
                assert_eq!(older.rows, newer.rows, "{question:?}");
                continue;
            }
            told += newer.rows.iter().map(|row| row.in_transit_out).sum::<i64>();
            assert_eq!(older.untold_counters, [COUNTER], "{question:?}");
            assert_eq!(older.rows, without(newer.rows), "{question:?}");
        }
        assert!(told > 0);
        assert!(!stated.is_empty());
        assert_eq!(stated, statement(&views, &log, position).await);
        running.stop().await;
    }
}

/// What the rows do not tell decides nothing, and is not made up.
async fn refuse_what_is_untold(
    endpoint: &StockEndpoint,
    place: &Place,
    questions: &[ListStockRequest],
) {
    let of_batches = |question: &&ListStockRequest| {
        question.group_by.contains(&StockGroup::Batch.into()) && question.known_at_position > 0
    };
    let (first, of_batches) = (&questions[0], questions.iter().find(of_batches).unwrap());
    refused(
        endpoint,
        &ListStockRequest {
            filter: format!("{COUNTER} > 0"),
            ..first.clone()
        },
    )
    .await;
    refused(
        endpoint,
        &ListStockRequest {
            order_by: format!("on_hand desc, {COUNTER}"),
            ..of_batches.clone()
        },
    )
    .await;
    change(place, |view| {
        let statement = match view.name {
            "current" => "DROP TABLE stock_totals",
            _ => "ALTER TABLE changes DROP COLUMN held",
        };
        vec![statement.to_owned()]
    })
    .await;
    refused(endpoint, first).await;
    refused(endpoint, of_batches).await;
}

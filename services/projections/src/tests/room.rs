//! Views that are built anew where the disk is nearly full.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    following::{append, open_log, until},
    history::eventful,
    stores::answering,
};
use crate::{
    copies::Place,
    view::CURRENT,
    views::{RebuildRefusal, Status, ViewOptions, Views},
};

/// What the log leaves free.
const RESERVE: u64 = 1_000;
const PLENTY: u64 = 1 << 40;

/// A view is not built anew where the log would go short of room for it, leaves nothing behind where that turns out later, and
/// is built once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_leaves_room_for_the_log() {
    let history = eventful();
    let (half, all) = (history.events.len() / 2, history.events.len());
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir.path().join("keruen.db"));
    append(&*log, &history.events[..half]).await;
    // So often there is plenty, and then there is not.
    let looks_left = Arc::new(AtomicU64::new(u64::MAX));
    let looks = looks_left.clone();
    let options = ViewOptions {
        poll_interval: Duration::from_millis(200),
        min_free_bytes: RESERVE,
        free_space: Some(Arc::new(move || {
            let left = looks.load(Ordering::Relaxed);
            looks.store(left.saturating_sub(1), Ordering::Relaxed);
            Ok(if left > 0 { PLENTY } else { 2 * RESERVE - 1 })
        })),
        ..ViewOptions::default()
    };
    let place = Place::Folder(dir.path().to_owned());
    let views = Views::at(&place, options);
    let running = views.run(log.clone());
    until(&views, |status| status.position == half as u64).await;
    let before = answering(&place, &CURRENT);

    looks_left.store(0, Ordering::Relaxed);
    let refused = views.rebuild(Some("current")).unwrap_err();
    assert!(
        matches!(refused, RebuildRefusal::NoRoom { .. }),
        "{refused}"
    );
    assert_eq!(views.status().rebuild, None);

    // When it is asked for there is room, and when it begins.
    looks_left.store(2, Ordering::Relaxed);
    views.rebuild(Some("current")).unwrap();
    let failed = |status: &Status| status.rebuild.as_ref()?.failure.clone();
    let status = until(&views, |status| failed(status).is_some()).await;
    assert!(failed(&status).unwrap().contains("1999"), "{status:?}");
    assert_eq!(place.copies(&CURRENT).unwrap().unfinished, None);
    append(&*log, &history.events[half..]).await;
    let status = until(&views, |status| status.position == all as u64).await;
    assert_eq!(status.failure, None);
    assert_eq!(answering(&place, &CURRENT), before);

    looks_left.store(u64::MAX, Ordering::Relaxed);
    until(&views, |status| status.rebuild.is_none()).await;
    let after = answering(&place, &CURRENT);
    assert!(after.generation > before.generation);
    running.stop().await;
}

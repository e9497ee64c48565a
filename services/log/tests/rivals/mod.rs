//! What tests of several writers on one log share.

#![allow(dead_code, reason = "each test crate uses a part")]

use std::collections::HashMap;

use keruen_log::{AppendRequest, Appended, Log, entry, tree::Tree};

use crate::contract::all;

/// Checks that positions are gapless, that every event's leaf and the root are right, and that each command that was
/// answered is there once, where the answer says.
pub async fn check(log: &dyn Log, answered: &[(AppendRequest, Appended)]) {
    let answers = answered.iter().map(|(request, appended)| {
        assert_eq!(
            appended.last_position - appended.first_position + 1,
            request.events.len() as u64
        );
        (request.command_id.clone(), *appended)
    });
    check_answers(log, &answers.collect::<Vec<_>>()).await;
}

/// The same by command id.
pub async fn check_answers(log: &dyn Log, answered: &[(String, Appended)]) {
    let events = all(log).await;
    let head = log.head().await.unwrap();
    let mut tree = Tree::default();
    let mut positions: HashMap<&str, Vec<u64>> = HashMap::new();
    for (position, event) in (1..).zip(&events) {
        assert_eq!(event.position, position);
        let leaf = entry::leaf_hash(&head.log_id, event).unwrap();
        assert_eq!(event.leaf_hash[..], leaf);
        tree.push(leaf, &mut Vec::new());
        let of_command = positions.entry(&event.command_id).or_default();
        assert_eq!(
            event.event_id,
            format!("{}/{}", event.command_id, of_command.len()),
            "recorded twice, or torn apart"
        );
        of_command.push(event.position);
    }
    assert_eq!(head.position, events.len() as u64);
    assert_eq!(head.root_hash, tree.root());
    for (command_id, appended) in answered {
        let expected: Vec<u64> = (appended.first_position..=appended.last_position).collect();
        assert_eq!(
            positions.get(command_id.as_str()),
            Some(&expected),
            "{command_id} was answered"
        );
    }
}

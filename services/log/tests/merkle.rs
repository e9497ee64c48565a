//! The tree and the entries against the checked-in vectors, and the tree against an independent implementation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use keruen_log::{
    RecordedEvent, entry,
    tree::{self, Hash, Tile, Tree},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

type Spoil = fn(&mut RecordedEvent);

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/entries.json")).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn leaf_of(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

#[test]
fn entries_and_leaves_are_those_of_the_vectors() {
    let vectors = vectors();
    let log_id: [u8; 16] = bytes(&vectors["log_id_hex"]).try_into().unwrap();
    let mut tree = Tree::default();
    let mut roots = vec![tree.root().to_vec()];
    for vector in vectors["events"].as_array().unwrap() {
        let event: RecordedEvent = serde_json::from_value(vector["event"].clone()).unwrap();
        let entry = entry::entry(&log_id, &event).unwrap();
        assert_eq!(entry, bytes(&vector["entry_hex"]), "{}", vector["event"]);
        let (of_log, mut read, data_hash) = entry::read(&entry).unwrap();
        assert_eq!(of_log, log_id);
        assert_eq!(data_hash.as_slice(), Sha256::digest(&event.data).as_slice());
        read.data.clone_from(&event.data);
        assert_eq!(entry::entry(&log_id, &read).unwrap(), entry);
        for end in 0..entry.len() {
            assert!(entry::read(&entry[..end]).is_none(), "cut off at {end}");
        }
        let leaf = entry::leaf_hash(&log_id, &event).unwrap();
        assert_eq!(leaf.to_vec(), bytes(&vector["leaf_hash_hex"]));
        tree.push(leaf, &mut Vec::new());
        roots.push(tree.root().to_vec());
    }
    let expected: Vec<_> = vectors["roots_hex"]
        .as_array()
        .unwrap()
        .iter()
        .map(bytes)
        .collect();
    assert_eq!(roots, expected);
}

#[test]
fn roots_are_those_of_the_vectors() {
    let mut tree = Tree::default();
    for vector in vectors()["counted_leaves"].as_array().unwrap() {
        let leaves = vector["leaves"].as_u64().unwrap();
        while tree.size() < leaves {
            let number = u32::try_from(tree.size()).unwrap();
            tree.push(tree::leaf_hash(&leaf_of(number)), &mut Vec::new());
        }
        assert_eq!(
            tree.root().to_vec(),
            bytes(&vector["root_hex"]),
            "{leaves} leaves"
        );
    }
}

#[test]
fn an_event_that_no_log_wrote_has_no_entry() {
    let vectors = vectors();
    let event: RecordedEvent =
        serde_json::from_value(vectors["events"][1]["event"].clone()).unwrap();
    let spoiled: [(&str, Spoil); 8] = [
        ("command_id", |event| {
            event.command_id = event.command_id.to_uppercase();
        }),
        ("event_id", |event| {
            event.event_id = event.event_id.replace('/', "-");
        }),
        ("event_id", |event| {
            event.event_id = event.event_id.replace("018f3c2e", "118f3c2e");
        }),
        ("command_hash", |event| event.command_hash.truncate(31)),
        ("occurred_at", |event| event.occurred_at = None),
        ("occurred_at.precision", |event| {
            event.occurred_at.as_mut().unwrap().precision = 256;
        }),
        ("tags", |event| event.tags.reverse()),
        ("tags", |event| event.tags.insert(0, event.tags[0].clone())),
    ];
    for (field, spoil) in spoiled {
        let mut event = event.clone();
        spoil(&mut event);
        assert_eq!(entry::entry(&[0; 16], &event).unwrap_err().field, field);
    }
}

#[test]
fn every_field_is_part_of_the_entry() {
    let vectors = vectors();
    let event: RecordedEvent =
        serde_json::from_value(vectors["events"][1]["event"].clone()).unwrap();
    let original = entry::entry(&[1; 16], &event).unwrap();
    assert_ne!(entry::entry(&[2; 16], &event).unwrap(), original);
    let changes: [fn(&mut RecordedEvent); 20] = [
        |event| event.position += 1,
        |event| event.event_id = event.event_id.replace("/1", "/2"),
        |event| event.r#type.push('x'),
        |event| event.tags[0].push('X'),
        |event| drop(event.tags.pop()),
        |event| event.region = "KZ-11".to_owned(),
        |event| event.region.clear(),
        |event| std::mem::swap(&mut event.region, &mut event.other_region),
        |event| event.data = [&event.data[..], &[0]].concat().into(),
        |event| event.occurred_at.as_mut().unwrap().time_us += 1,
        |event| event.occurred_at.as_mut().unwrap().utc_offset_minutes += 1,
        |event| event.occurred_at.as_mut().unwrap().precision += 1,
        |event| event.occurred_at.as_mut().unwrap().clamped = false,
        |event| event.recorded_at_us += 1,
        |event| {
            let mut hash = event.command_hash.to_vec();
            hash[31] ^= 1;
            event.command_hash = hash.into();
        },
        |event| event.actor.push('x'),
        |event| event.origin.push('x'),
        |event| event.correlation_id.clear(),
        |event| event.causation_id.clear(),
        |event| event.correction.as_mut().unwrap().reason = 1,
    ];
    let mut entries = vec![original];
    for change in changes {
        let mut other = event.clone();
        change(&mut other);
        let entry = entry::entry(&[1; 16], &other).unwrap();
        assert!(!entries.contains(&entry), "{other:?}");
        entries.push(entry);
    }
}

/// Roots are those of the other implementation; over the edges of tiles of two levels, a tree that is restored from leaves
/// and tiles goes on like the one that was never stored.
#[test]
fn the_tree_is_the_one_of_rfc_6962_and_can_be_restored() {
    let mut tree = Tree::default();
    let mut other = MemoryBackedTree::<Sha256, [u8; 4]>::new();
    // Leaves at level 0, above it roots of completed tiles of the level below.
    let mut levels: Vec<Vec<Hash>> = vec![Vec::new(); 3];
    let mut tiles: Vec<Tile> = Vec::new();
    let edges = [256, 512, 65_280, 65_536, 65_792];
    for number in 0..66_000_u32 {
        let leaf = tree::leaf_hash(&leaf_of(number));
        tree.push(leaf, &mut tiles);
        // The other one hashes a whole path for each leaf; what comes later is held by the vectors.
        if number < 1_100 {
            other.push(leaf_of(number));
            assert_eq!(
                tree.root().as_slice(),
                other.root().as_bytes().as_slice(),
                "leaf {number}"
            );
        }
        levels[0].push(leaf);
        for tile in tiles.drain(..) {
            let (level, number) = (tile.level as usize, usize::try_from(tile.number).unwrap());
            assert_eq!(tile.hashes, levels[level][number * 256..].concat());
            levels[level + 1].push(tree::tile_root(&tile.hashes).unwrap());
        }
        let size = tree.size();
        let near_edge = edges.iter().any(|edge| size.abs_diff(*edge) <= 2);
        if size < 600 || near_edge || size.is_multiple_of(4_999) {
            assert_eq!(restored(size, &levels), tree, "size {size}");
        }
    }
    assert_eq!(
        levels.iter().map(Vec::len).collect::<Vec<_>>(),
        [66_000, 66_000 / 256, 1]
    );
}

fn restored(size: u64, levels: &[Vec<Hash>]) -> Tree {
    let open_tiles = levels
        .iter()
        .take_while(|hashes| !hashes.is_empty())
        .map(|hashes| hashes.as_chunks::<256>().1.concat())
        .collect();
    Tree::restore(size, open_tiles).unwrap()
}

#[test]
fn hashes_that_do_not_fit_the_size_restore_nothing() {
    assert_eq!(Tree::restore(2, vec![vec![0; 32]]), None);
    assert_eq!(Tree::restore(256, vec![Vec::new()]), None);
    assert_eq!(Tree::restore(1, vec![vec![0; 32], Vec::new()]), None);
    assert_eq!(Tree::restore(0, Vec::new()), Some(Tree::default()));
}

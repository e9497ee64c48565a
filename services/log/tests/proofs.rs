//! Proofs and checkpoints, against implementations that share no code with this crate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use keruen_log::{
    AppendError, AppendRequest, Appended, Head, Log, Page, Query, Range, ReadError,
    RecordedCommand,
    checkpoint::{BundleError, Checkpoint, CheckpointError, CheckpointKey, ProofBundle},
    tree::{
        self, Hash, Prover, Tile, Tree, TreeHashes,
        proof::{ProofError, check_consistency, check_inclusion},
    },
};
use proptest::{prelude::*, test_runner::Config};
use sha2::Sha256;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tokio::sync::watch;

/// What is stored of a tree, as a log stores it.
#[derive(Default)]
struct StoredTree {
    leaves: Vec<Hash>,
    /// By level.
    tiles: Vec<Vec<Vec<u8>>>,
    /// By size.
    roots: Vec<Hash>,
}

impl StoredTree {
    fn of_size(size: u32) -> Arc<Self> {
        let mut stored = Self::default();
        let mut tree = Tree::default();
        let mut completed: Vec<Tile> = Vec::new();
        stored.roots.push(tree.root());
        for number in 0..size {
            let leaf = tree::leaf_hash(&number.to_be_bytes());
            stored.leaves.push(leaf);
            tree.push(leaf, &mut completed);
            stored.roots.push(tree.root());
            for tile in completed.drain(..) {
                let level = tile.level as usize;
                stored
                    .tiles
                    .resize(stored.tiles.len().max(level + 1), Vec::new());
                assert_eq!(stored.tiles[level].len() as u64, tile.number);
                stored.tiles[level].push(tile.hashes);
            }
        }
        Arc::new(stored)
    }

    fn root(&self, size: u64) -> &Hash {
        &self.roots[usize::try_from(size).unwrap()]
    }
}

/// Only the tree can be asked for.
#[async_trait]
impl Log for StoredTree {
    async fn append(&self, _: AppendRequest) -> Result<Appended, AppendError> {
        unreachable!()
    }

    async fn read(&self, _: &Query, _: Range, _: usize) -> Result<Page, ReadError> {
        unreachable!()
    }

    async fn head(&self) -> Result<Head, ReadError> {
        unreachable!()
    }

    async fn find_command(&self, _: &str) -> Result<Option<RecordedCommand>, ReadError> {
        unreachable!()
    }

    async fn tree_hashes(&self, wanted: TreeHashes) -> Result<Vec<Hash>, ReadError> {
        let slice = |first: u64, count: usize| {
            let first = usize::try_from(first).unwrap();
            assert!((1..=256).contains(&count));
            first..first + count
        };
        Ok(match wanted {
            TreeHashes::Leaves {
                after_position,
                count,
            } => self.leaves[slice(after_position, count)].to_vec(),
            TreeHashes::Tiles {
                level,
                first,
                count,
            } => self.tiles[level as usize][slice(first, count)]
                .concat()
                .as_chunks()
                .0
                .to_vec(),
        })
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        unreachable!()
    }
}

type Output = sha2::digest::Output<Sha256>;

fn foreign_root(size: u64, root: &Hash) -> RootHash<Sha256> {
    RootHash::new(Output::from(*root), size)
}

fn foreign_inclusion(leaf: u64, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    let leaf = u32::try_from(leaf).unwrap();
    let proof = InclusionProof::try_from_bytes(proof.concat()).unwrap();
    foreign_root(size, root)
        .verify_inclusion(&leaf.to_be_bytes(), leaf.into(), &proof)
        .is_ok()
}

fn foreign_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let proof = ConsistencyProof::try_from_bytes(proof.concat()).unwrap();
    foreign_root(new.0, new.1)
        .verify_consistency(&foreign_root(old.0, old.1), &proof)
        .is_ok()
}

/// Both verifiers accept what is proven, and refuse it with anything changed.
async fn prove_inclusion(
    stored: &Arc<StoredTree>,
    prover: &Prover,
    index: u64,
    size: u64,
    spoil: bool,
) {
    let head = stored.leaves.len() as u64;
    let proof = prover.inclusion(index, size, head).await.unwrap();
    let leaf = stored.leaves[usize::try_from(index).unwrap()];
    let root = *stored.root(size);
    assert_eq!(
        prover.root(size, head).await.unwrap(),
        root,
        "root of {size}"
    );
    let both = |root: &Hash, proof: &[Hash]| {
        let own = check_inclusion(&leaf, index, size, root, proof).is_ok();
        let foreign = foreign_inclusion(index, size, root, proof);
        assert_eq!(own, foreign, "leaf {index} of {size}");
        own
    };
    assert!(both(&root, &proof), "leaf {index} of {size}");
    if !spoil {
        return;
    }
    for at in 0..proof.len() {
        let mut wrong = proof.clone();
        wrong[at][at % 32] ^= 1;
        assert!(!both(&root, &wrong));
        let mut short = proof.clone();
        short.remove(at);
        assert!(!both(&root, &short));
    }
    let mut long = proof.clone();
    long.push([0; 32]);
    assert!(!both(&root, &long));
    let mut other_root = root;
    other_root[31] ^= 0x80;
    assert!(!both(&other_root, &proof));
    if size > 1 {
        let other = (index + 1) % size;
        assert!(check_inclusion(&leaf, other, size, &root, &proof).is_err());
    }
    assert!(check_inclusion(&leaf, size, size, &root, &proof).is_err());
}

async fn prove_consistency(
    stored: &Arc<StoredTree>,
    prover: &Prover,
    first: u64,
    second: u64,
    spoil: bool,
) {
    let head = stored.leaves.len() as u64;
    let proof = prover.consistency(first, second, head).await.unwrap();
    let (old, new) = (*stored.root(first), *stored.root(second));
    let both = |old: &Hash, new: &Hash, proof: &[Hash]| {
        let own = check_consistency((first, old), (second, new), proof).is_ok();
        let foreign = foreign_consistency((first, old), (second, new), proof);
        assert_eq!(own, foreign, "{first} in {second}");
        own
    };
    assert!(both(&old, &new, &proof), "{first} in {second}");
    if !spoil {
        return;
    }
    for at in 0..proof.len() {
        let mut wrong = proof.clone();
        wrong[at][31 - at % 32] ^= 0x10;
        assert!(!both(&old, &new, &wrong));
        let mut short = proof.clone();
        short.remove(at);
        assert!(!both(&old, &new, &short));
    }
    let mut long = proof.clone();
    long.push([0; 32]);
    assert!(!both(&old, &new, &long));
    let mut other = old;
    other[0] ^= 1;
    assert!(!both(&other, &new, &proof));
    if first != second {
        let mut other = new;
        other[0] ^= 1;
        assert!(!both(&old, &other, &proof));
    }
}

#[tokio::test]
async fn every_small_size_is_proven() {
    let stored = StoredTree::of_size(600);
    let prover = Prover::new(Arc::clone(&stored) as _);
    for size in 1..=600_u64 {
        // The edges of tiles, and some between.
        let spoil = size < 20 || size % 29 == 0 || size % 256 <= 1;
        let some = [0, 1, size / 3, size / 2, size.saturating_sub(2), size - 1];
        for index in some.into_iter().filter(|index| *index < size) {
            prove_inclusion(&stored, &prover, index, size, spoil).await;
        }
        for first in [1, 2, 3, size / 3, size / 2 + 1, size - 1, size] {
            if (1..=size).contains(&first) {
                prove_consistency(&stored, &prover, first, size, spoil).await;
            }
        }
    }
    // The tree without leaves is the beginning of every tree, and of no other root.
    let empty = stored.root(0);
    assert_eq!(
        check_consistency((0, empty), (600, stored.root(600)), &[]),
        Ok(())
    );
    let other = check_consistency((0, &[0; 32]), (600, stored.root(600)), &[]);
    assert_eq!(other, Err(ProofError::OlderRoot));
    assert!(check_consistency((2, empty), (1, empty), &[]).is_err());
}

#[tokio::test]
async fn sizes_around_the_edges_of_tiles_are_proven() {
    let head = 66_100;
    let stored = StoredTree::of_size(head);
    let prover = Prover::new(Arc::clone(&stored) as _);
    let edges = [
        1, 255, 256, 257, 511, 512, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537, 65_792, 66_099,
        66_100,
    ];
    for size in edges {
        for index in edges
            .map(|edge| edge - 1)
            .into_iter()
            .filter(|index| *index < size)
        {
            prove_inclusion(&stored, &prover, index, size, size == 65_537).await;
        }
        for first in edges.into_iter().filter(|first| *first <= size) {
            prove_consistency(&stored, &prover, first, size, size == 65_537).await;
        }
    }
}

/// How many tiles and leaves are asked for.
struct Counting {
    stored: Arc<StoredTree>,
    asked: std::sync::Mutex<(usize, usize)>,
}

#[async_trait]
impl Log for Counting {
    async fn append(&self, _: AppendRequest) -> Result<Appended, AppendError> {
        unreachable!()
    }

    async fn read(&self, _: &Query, _: Range, _: usize) -> Result<Page, ReadError> {
        unreachable!()
    }

    async fn head(&self) -> Result<Head, ReadError> {
        unreachable!()
    }

    async fn find_command(&self, _: &str) -> Result<Option<RecordedCommand>, ReadError> {
        unreachable!()
    }

    async fn tree_hashes(&self, wanted: TreeHashes) -> Result<Vec<Hash>, ReadError> {
        match wanted {
            TreeHashes::Leaves { count, .. } => self.asked.lock().unwrap().1 += count,
            TreeHashes::Tiles { count, .. } => self.asked.lock().unwrap().0 += count,
        }
        self.stored.tree_hashes(wanted).await
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        unreachable!()
    }
}

#[tokio::test]
async fn a_proof_costs_a_few_tiles_whatever_the_size() {
    let size = 65_535;
    let counting = Arc::new(Counting {
        stored: StoredTree::of_size(size),
        asked: std::sync::Mutex::default(),
    });
    let prover = Prover::new(Arc::clone(&counting) as _);
    let size = u64::from(size);
    prover.inclusion(12_345, size, size).await.unwrap();
    let first = std::mem::take(&mut *counting.asked.lock().unwrap());
    assert!(first.0 <= 256 + 8 && first.1 <= 255, "{first:?}");
    // What was learnt of the tiles that are not complete is remembered.
    for index in [12_345, 0, 54_321, 65_534] {
        for older in [size, 50_000, 300] {
            prover.inclusion(index % older, older, size).await.unwrap();
            let asked = std::mem::take(&mut *counting.asked.lock().unwrap());
            assert!(
                asked.0 <= 24 + 128 && asked.1 <= 255,
                "{asked:?} for {index} of {older}"
            );
            prover.inclusion(index % older, older, size).await.unwrap();
            let asked = std::mem::take(&mut *counting.asked.lock().unwrap());
            assert!(
                asked.0 <= 24 && asked.1 <= 255,
                "{asked:?} for {index} of {older}"
            );
        }
    }
}

fn bundle_of(
    stored: &StoredTree,
    key: &CheckpointKey,
    index: u64,
    hashes: Vec<Hash>,
) -> ProofBundle {
    let size = stored.leaves.len() as u64;
    let head = Head {
        log_id: [1; 16],
        position: size,
        root_hash: *stored.root(size),
    };
    ProofBundle {
        entry: u32::try_from(index).unwrap().to_be_bytes().to_vec(),
        index,
        hashes,
        checkpoint: Checkpoint::sign(key, &head),
    }
}

#[tokio::test]
async fn a_bundle_proves_one_event_and_nothing_else() {
    let stored = StoredTree::of_size(300);
    let prover = Prover::new(Arc::clone(&stored) as _);
    let key = CheckpointKey::from_seed("keruen.test/log", &[5; 32]).unwrap();
    let hashes = prover.inclusion(77, 300, 300).await.unwrap();
    let bundle = bundle_of(&stored, &key, 77, hashes);
    let text = bundle.to_string();
    assert_eq!(text.parse(), Ok(bundle.clone()));
    let checkpoint = bundle.check(&key.verifier_key()).unwrap();
    assert_eq!(
        (checkpoint.size, checkpoint.root_hash),
        (300, *stored.root(300))
    );
    // Any byte of it changed, and it proves nothing.
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let outcome = String::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<ProofBundle>().ok())
            .map(|bundle| bundle.check(&key.verifier_key()));
        assert!(!matches!(outcome, Some(Ok(_))), "byte {at}");
    }
    let other = CheckpointKey::from_seed("keruen.test/log", &[6; 32]).unwrap();
    let refused = bundle.check(&other.verifier_key());
    assert!(matches!(
        refused,
        Err(BundleError::Checkpoint(CheckpointError::Note(_)))
    ));
}

#[test]
fn another_implementation_accepts_the_signature_and_refuses_changed_notes() {
    let key = CheckpointKey::from_seed("keruen.local/0123", &[42; 32]).unwrap();
    let head = Head {
        log_id: [1; 16],
        position: 20_852_163,
        root_hash: [0xfe; 32],
    };
    let note = Checkpoint::sign(&key, &head);
    let verifier = StandardVerifier::new(&key.verifier_key().to_string()).unwrap();
    let verifiers = VerifierList::new(vec![Box::new(verifier)]);
    let accepts = |note: &[u8]| {
        Note::from_bytes(note).is_ok_and(|note| {
            note.verify(&verifiers)
                .is_ok_and(|(signed, _)| signed.len() == 1)
        })
    };
    assert!(accepts(note.as_bytes()));
    for at in 0..note.len() {
        let mut changed = note.clone().into_bytes();
        changed[at] ^= 1;
        assert!(!accepts(&changed), "byte {at}");
    }
    // And the other way round: its keys and its notes are ours.
    let signer = StandardSigner::new(&key.private_text()).unwrap();
    let checkpoint = Checkpoint::open(&note, &key.verifier_key()).unwrap();
    let mut theirs = Note::new(checkpoint.to_string().as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    assert_eq!(theirs.to_bytes(), note.as_bytes());
}

proptest! {
    #![proptest_config(Config::with_cases(64))]

    /// Whatever stands in the place of a proof or a checkpoint is refused, never a crash.
    #[test]
    fn nonsense_is_refused(text in "(?s).{0,400}", lines in "([a-z0-9=+/— ]{0,50}\n){0,12}") {
        let key = CheckpointKey::from_seed("keruen.test/log", &[5; 32]).unwrap().verifier_key();
        for text in [&text, &lines] {
            prop_assert!(Checkpoint::open(text, &key).is_err());
            let checked = text.parse::<ProofBundle>().and_then(|bundle| bundle.check(&key));
            prop_assert!(checked.is_err());
            let _ = keruen_log::entry::read(text.as_bytes());
        }
    }
}

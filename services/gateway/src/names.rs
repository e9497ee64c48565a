//! Names of organisations, facilities and items, looked up once and kept for a while.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use keruen_proto::registry::v1::{
    GetFacilityRequest, GetItemRequest, GetOrganisationRequest, LocalizedText,
};
use tonic::{Code, Status};

use crate::node::Node;

/// How many names are kept at most; beyond that all are forgotten and looked up again as needed.
const MOST_KEPT: usize = 20_000;

/// How many names one page looks up at most; the rest are shown by their codes.
const MOST_LOOKED_UP: usize = 600;

/// How many look-ups of one page are under way at the same time.
const AT_ONCE: usize = 16;

/// After how long names are looked up again.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// What a code names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// An organisation.
    Organisation(String),
    /// A facility.
    Facility(String),
    /// An item.
    Item(String),
}

/// Names found.
pub type Names = HashMap<Named, LocalizedText>;

/// Keeps names between pages.
#[derive(Clone, Debug)]
pub struct NameCache(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    names: Names,
    since: Instant,
}

impl NameCache {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Kept {
            names: Names::new(),
            since: Instant::now(),
        })))
    }

    /// The names of all that are wanted. Codes that nobody registered stay out; so do those beyond the bound.
    pub async fn find(&self, node: &Node, wanted: BTreeSet<Named>) -> Result<Names, Status> {
        let (mut found, missing) = self.split(wanted);
        let mut answers = stream::iter(
            missing
                .into_iter()
                .take(MOST_LOOKED_UP)
                .map(|named| look_up(node, named)),
        )
        .buffer_unordered(AT_ONCE);
        let mut new = Names::new();
        while let Some(answer) = answers.next().await {
            new.extend(answer?);
        }
        self.keep(&new);
        found.extend(new);
        Ok(found)
    }

    fn split(&self, wanted: BTreeSet<Named>) -> (Names, Vec<Named>) {
        // A panic elsewhere leaves a map of names that are all still true.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.since.elapsed() > KEPT_FOR {
            *kept = Kept {
                names: Names::new(),
                since: Instant::now(),
            };
        }
        let mut found = Names::new();
        let mut missing = Vec::new();
        for named in wanted {
            match kept.names.get(&named) {
                Some(name) => _ = found.insert(named, name.clone()),
                None => missing.push(named),
            }
        }
        (found, missing)
    }

    fn keep(&self, new: &Names) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.names.len() + new.len() > MOST_KEPT {
            kept.names.clear();
        }
        kept.names.extend(
            new.iter()
                .map(|(named, name)| (named.clone(), name.clone())),
        );
    }
}

async fn look_up(node: &Node, named: Named) -> Result<Option<(Named, LocalizedText)>, Status> {
    let mut registry = node.registry.clone();
    let name = match named.clone() {
        Named::Organisation(organisation_id) => {
            let request = node.ask(GetOrganisationRequest { organisation_id });
            let answer = node.answer(registry.get_organisation(request)).await;
            answer.map(|answer| {
                answer
                    .organisation
                    .and_then(|organisation| organisation.name)
            })
        }
        Named::Facility(facility_id) => {
            let request = node.ask(GetFacilityRequest { facility_id });
            let answer = node.answer(registry.get_facility(request)).await;
            answer.map(|answer| answer.facility.and_then(|facility| facility.name))
        }
        Named::Item(item_id) => {
            let request = node.ask(GetItemRequest { item_id });
            let answer = node.answer(registry.get_item(request)).await;
            answer.map(|answer| answer.item.and_then(|item| item.name))
        }
    };
    match name {
        Ok(name) => Ok(name.map(|name| (named, name))),
        // Nobody registered it: the code itself is all there is to show.
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => Ok(None),
        Err(status) => Err(status),
    }
}

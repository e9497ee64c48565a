//! How much of what can happen has happened.

use std::collections::BTreeSet;

use keruen_domain::Rejection;
use keruen_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use super::Report;

/// What the names of enums of states end with.
const STATES: &[&str] = &["State", "Place", "AssetCondition", "Fill"];
/// Packages that are about goods and people, and not about the system itself.
const PACKAGES: &[&str] = &[
    "keruen.registry.v1",
    "keruen.inventory.v1",
    "keruen.requests.v1",
    "keruen.shipments.v1",
];

/// Reasons that no command line leads to. The first ones are about the shape of a request, with which the services find
/// fault before anything is decided, all at once and as `INVALID_FIELDS`; before the last one other bounds stand, unless ids
/// are far longer than people say.
pub const BEYOND_REACH: &[&str] = &[
    "NOTHING_PLEDGED",
    "DUPLICATE_LINE",
    "COMMODITY_REQUIRED",
    "LINE_REQUIRED",
    "ITEM_REQUIRED",
    "FIELD_NOT_EXPECTED",
    "EVENT_TOO_LARGE",
];

/// How often each thing occurred that can occur.
#[derive(Clone, Debug)]
pub struct Coverage {
    reasons: Vec<(String, u64)>,
    states: Vec<(String, u64)>,
}

impl Coverage {
    /// Of what was played.
    pub fn of(report: &Report) -> Self {
        let times = |found: Option<&u64>| found.copied().unwrap_or(0);
        let reasons = Rejection::REASONS
            .iter()
            .map(|(reason, _)| ((*reason).to_owned(), times(report.reasons.get(*reason))));
        let states = states().into_iter().map(|state| {
            let found = times(report.states.get(&state));
            (state, found)
        });
        Self {
            reasons: reasons.collect(),
            states: states.collect(),
        }
    }

    /// Kind, name and how often, of each.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, &str, u64)> {
        let reasons = self.reasons.iter().map(|it| ("reason", it));
        let states = self.states.iter().map(|it| ("state", it));
        reasons
            .chain(states)
            .map(|(kind, (name, times))| (kind, name.as_str(), *times))
    }
}

/// What never occurred, in order of kind and name.
pub fn uncovered(report: &Report) -> Vec<String> {
    let coverage = Coverage::of(report);
    let missing = coverage.rows().filter(|(_, _, times)| *times == 0);
    missing.map(|(_, name, _)| name.to_owned()).collect()
}

/// All values of the schema's enums of states, but those that state nothing.
pub(super) fn states() -> BTreeSet<String> {
    // The descriptors are the program's own; a test reads them.
    let schema = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let of_goods = |file: &&FileDescriptorProto| PACKAGES.contains(&file.package());
    let files = schema.file.iter().filter(of_goods);
    let enums = files.flat_map(|file| &file.enum_type);
    enums
        .filter(|it| STATES.iter().any(|end| it.name().ends_with(end)))
        .flat_map(|it| &it.value)
        .filter(|value| value.number() != 0)
        .map(|value| value.name().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_are_those_of_the_schema() {
        let states = states();
        for state in [
            "SHIPMENT_STATE_RECEIVED",
            "ASSET_PLACE_LENT",
            "ASSET_CONDITION_RETIRED",
        ] {
            assert!(states.contains(state), "{state}");
        }
        assert!(!states.contains("RELAY_STATE_STOPPED"));
    }
}

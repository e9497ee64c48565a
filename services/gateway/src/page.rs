//! The page: what the templates show, in the words and forms of one language.

use askama::Template;
use keruen_proto::{inventory::v1::Donation, registry::v1::LocalizedText};

use crate::{
    format,
    frame::Frame,
    names::Named,
    query::Choice,
    requests::RequestsView,
    snapshot::{Snapshot, UNATTRIBUTED},
    stock::StockView,
    text::{Lang, Texts},
    trace::TraceView,
};

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Page<'a> {
    frame: Frame,
    t: &'a Texts,
    /// Choices of the reader that the forms carry along.
    choice: &'a Choice,
    /// Position of the log, for people and for the script.
    position: String,
    position_value: u64,
    /// How many events the page does not show; empty where it follows the log.
    missing: String,
    commodities: Vec<Entry>,
    donations: Vec<Entry>,
    more_donations: bool,
    stock: Option<StockView>,
    trace: Option<TraceView>,
    requests: RequestsView,
}

/// One entry of a list to choose from.
#[derive(Debug)]
pub struct Entry {
    /// Code or id.
    pub value: String,
    /// What people read.
    pub label: String,
    /// Whether it is the one that is shown.
    pub chosen: bool,
}

impl<'a> Page<'a> {
    /// Puts into words what the node said.
    pub fn of(snapshot: &'a Snapshot, choice: &'a Choice) -> Self {
        let words = Words {
            lang: choice.lang,
            t: choice.lang.texts(),
            snapshot,
        };
        Self {
            frame: Frame::of(choice),
            t: words.t,
            choice,
            position: format::position(choice.lang, snapshot.position),
            position_value: snapshot.position,
            missing: match snapshot.missing_events {
                0 => String::new(),
                events => format::position(choice.lang, events),
            },
            commodities: words.commodities(),
            donations: words.donations(),
            more_donations: snapshot.more_donations,
            stock: snapshot
                .commodity
                .as_ref()
                .map(|commodity| StockView::of(words, commodity)),
            trace: snapshot
                .trace
                .as_ref()
                .map(|trace| TraceView::of(words, trace)),
            requests: RequestsView::of(words),
        }
    }
}

/// A language and the names that a snapshot knows.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    pub lang: Lang,
    pub t: &'static Texts,
    pub snapshot: &'a Snapshot,
}

impl Words<'_> {
    pub fn number(&self, value: i64) -> String {
        format::number(self.lang, value)
    }

    pub fn count(&self, value: usize) -> String {
        format::number(self.lang, i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub fn text(&self, name: Option<&LocalizedText>, code: &str) -> String {
        format::name(self.lang, name, code)
    }

    pub fn organisation(&self, code: &str) -> String {
        if code.is_empty() || code == UNATTRIBUTED {
            return self.t.not_known.to_owned();
        }
        self.text(
            self.snapshot
                .names
                .get(&Named::Organisation(code.to_owned())),
            code,
        )
    }

    pub fn facility(&self, code: &str) -> String {
        self.text(
            self.snapshot.names.get(&Named::Facility(code.to_owned())),
            code,
        )
    }

    pub fn item(&self, code: &str) -> String {
        self.text(self.snapshot.names.get(&Named::Item(code.to_owned())), code)
    }

    pub fn region(&self, code: &str) -> String {
        let region = self
            .snapshot
            .regions
            .iter()
            .find(|region| region.region_id == code);
        self.text(region.and_then(|region| region.name.as_ref()), code)
    }

    pub fn commodity(&self, code: &str) -> String {
        let commodity = self
            .snapshot
            .commodities
            .iter()
            .find(|commodity| commodity.commodity_id == code);
        self.text(
            commodity.and_then(|commodity| commodity.name.as_ref()),
            code,
        )
    }

    /// The item where one is named, else the commodity.
    pub fn goods(&self, commodity_id: &str, item_id: &str) -> String {
        if item_id.is_empty() {
            self.commodity(commodity_id)
        } else {
            self.item(item_id)
        }
    }

    /// The donor's name, unless the donor is not to be named.
    pub fn donor(&self, donation: &Donation) -> String {
        if donation.anonymous {
            return self.t.anonymous_donor.to_owned();
        }
        self.organisation(&donation.donor_id)
    }

    fn commodities(&self) -> Vec<Entry> {
        let shown = self.snapshot.commodity.as_ref();
        let listed = &self.snapshot.commodities;
        // One that is asked for by its address may be beyond the list.
        let beyond = shown.filter(|shown| {
            !listed
                .iter()
                .any(|other| other.commodity_id == shown.commodity_id)
        });
        let entry = |commodity: &keruen_proto::registry::v1::Commodity| Entry {
            value: commodity.commodity_id.clone(),
            label: self.text(commodity.name.as_ref(), &commodity.commodity_id),
            chosen: shown.is_some_and(|shown| shown.commodity_id == commodity.commodity_id),
        };
        let mut entries: Vec<Entry> = listed.iter().chain(beyond).map(entry).collect();
        entries.sort_by_cached_key(|entry| format::sort_key(&entry.label));
        entries
    }

    fn donations(&self) -> Vec<Entry> {
        let shown = self
            .snapshot
            .trace
            .as_ref()
            .and_then(|trace| trace.donation.as_ref());
        let listed = &self.snapshot.donations;
        let beyond = shown.filter(|shown| {
            !listed
                .iter()
                .any(|other| other.donation_id == shown.donation_id)
        });
        let entry = |donation: &Donation| Entry {
            value: donation.donation_id.clone(),
            label: format!("{} · {}", donation.donation_id, self.donor(donation)),
            chosen: shown.is_some_and(|shown| shown.donation_id == donation.donation_id),
        };
        beyond.into_iter().chain(listed).map(entry).collect()
    }
}

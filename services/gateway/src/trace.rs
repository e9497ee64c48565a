//! The trace of one donation: what was given, where each unit is, and how it came there.

use keruen_proto::{
    inventory::v1::{Donation, PledgeLine},
    log::v1::OccurredAt,
    stock::v1::{GetTraceResponse, TraceBatch, TracePlace, TraceStatus, TraceStep},
};

use crate::{
    format::{self, Moment},
    page::Words,
    share::Bar,
};

/// How many batches are shown.
const BATCHES_SHOWN: usize = 20;

/// How many places are shown, over all batches.
const PLACES_SHOWN: usize = 120;

/// How many steps are shown, the newest.
const STEPS_SHOWN: usize = 200;

/// How many serial numbers are shown for one place.
const NUMBERS_SHOWN: usize = 100;

/// How many lines of the pledge are shown.
const LINES_SHOWN: usize = 20;

/// What the trace part shows.
#[derive(Debug)]
pub struct TraceView {
    /// Id of the donation.
    pub donation_id: String,
    /// The donor, unless anonymous.
    pub donor: String,
    /// To whom it belongs.
    pub recipient: String,
    /// Where it stands.
    pub state: &'static str,
    /// Goods promised: what, how many, how many received.
    pub lines: Vec<(String, String, String)>,
    /// How many more lines there are; empty where none.
    pub lines_rest: String,
    /// Money promised and spent.
    pub money: Option<(String, Option<String>)>,
    /// When it is expected.
    pub expected_on: Option<Moment>,
    /// How its units divide over what became of them.
    pub bar: Bar,
    /// How kits with some of its units divide, which are told in the bar already; empty where there are none.
    pub kits: Bar,
    /// Batches with their places.
    pub batches: Vec<BatchView>,
    /// How many batches are not shown; empty where none.
    pub batches_rest: String,
    /// What happened, oldest first.
    pub steps: Vec<StepView>,
    /// How many earlier steps are not shown; empty where none.
    pub steps_rest: String,
}

/// One batch.
#[derive(Debug)]
pub struct BatchView {
    /// Its id.
    pub batch_id: String,
    /// What it is.
    pub item: String,
    /// Lot number as printed.
    pub lot: String,
    /// Last day of use.
    pub use_by: Option<Moment>,
    /// Whether it is held.
    pub is_held: bool,
    /// Whether its lot is recalled.
    pub is_recalled: bool,
    /// Units that entered the books.
    pub quantity: String,
    /// Where they are.
    pub places: Vec<PlaceView>,
    /// How many rows are not shown; empty where none.
    pub places_rest: String,
}

/// Units in one place.
#[derive(Debug)]
pub struct PlaceView {
    /// The facility.
    pub facility: String,
    /// Its region.
    pub region: String,
    /// What became of them.
    pub status: &'static str,
    /// Colour of the status, as a class of the style sheet.
    pub class: &'static str,
    /// How many.
    pub quantity: String,
    /// Of those, claimed by shipments; empty where none.
    pub reserved: String,
    /// Of those, not to be used; empty where none.
    pub held: String,
    /// To whom they belong.
    pub owner: String,
    /// Who is liable on the way; empty at rest.
    pub custodian: String,
    /// The shipment that they are in.
    pub shipment_id: String,
    /// Serial numbers.
    pub numbers: Vec<String>,
    /// How many more there are; empty where none.
    pub numbers_rest: String,
}

/// One step.
#[derive(Debug)]
pub struct StepView {
    /// Position in the log.
    pub position: String,
    /// When it happened.
    pub at: Option<Moment>,
    /// What happened.
    pub event: &'static str,
    /// What was found, on receipt.
    pub outcome: Option<&'static str>,
    /// How many units.
    pub quantity: String,
    /// Of which batch.
    pub batch_id: String,
    /// From where; empty where units entered the books.
    pub from: String,
    /// Where, or to where.
    pub place: String,
    /// The shipment; empty where none.
    pub shipment_id: String,
    /// The request; empty where none.
    pub request_id: String,
}

/// Words for a donation whose donor may not be named.
#[derive(Clone, Copy)]
struct Told<'a> {
    words: Words<'a>,
    donation: &'a Donation,
}

impl Told<'_> {
    /// An organisation's name; the donor's only where it may be told.
    fn organisation(&self, code: &str) -> String {
        if self.donation.anonymous && code == self.donation.donor_id {
            return self.words.t.anonymous_donor.to_owned();
        }
        self.words.organisation(code)
    }
}

/// A number of things left out; empty where none is.
fn rest(words: Words<'_>, all: usize, shown: usize) -> String {
    if all > shown {
        words.count(all - shown)
    } else {
        String::new()
    }
}

/// A number that is told only where it is not zero.
fn some(words: Words<'_>, value: i64) -> String {
    if value == 0 {
        String::new()
    } else {
        words.number(value)
    }
}

impl TraceView {
    /// Puts a trace into words.
    pub fn of(words: Words<'_>, trace: &GetTraceResponse) -> Self {
        let nothing = Donation::default();
        let donation = trace.donation.as_ref().unwrap_or(&nothing);
        let told = Told { words, donation };
        let money = |money| format::money(words.lang, money);
        let all_steps = trace.batches.iter().map(|batch| batch.steps.len()).sum();
        Self {
            donation_id: donation.donation_id.clone(),
            donor: donor(words, trace, donation),
            recipient: told.organisation(&donation.recipient_id),
            state: words.t.donation_state(donation.state()),
            lines: donation
                .lines
                .iter()
                .take(LINES_SHOWN)
                .map(|line| pledge_line(words, line))
                .collect(),
            lines_rest: rest(words, donation.lines.len(), LINES_SHOWN),
            money: donation
                .money
                .as_ref()
                .map(|promised| (money(promised), donation.money_spent.as_ref().map(money))),
            expected_on: format::date(words.lang, &donation.expected_on),
            bar: bar(words, &trace.batches, false),
            kits: bar(words, &trace.batches, true),
            batches: batches(told, &trace.batches),
            batches_rest: rest(words, trace.batches.len(), BATCHES_SHOWN),
            steps: steps(words, &trace.batches),
            steps_rest: rest(words, all_steps, STEPS_SHOWN),
        }
    }
}

fn donor(words: Words<'_>, trace: &GetTraceResponse, donation: &Donation) -> String {
    match &trace.donor_name {
        Some(name) if !donation.anonymous => words.text(Some(name), &donation.donor_id),
        _ => words.donor(donation),
    }
}

fn pledge_line(words: Words<'_>, line: &PledgeLine) -> (String, String, String) {
    let goods = words.goods(&line.commodity_id, &line.item_id);
    (
        goods,
        words.number(line.quantity),
        words.number(line.received),
    )
}

/// Colour of a status, as a class of the style sheet.
fn class(status: TraceStatus) -> &'static str {
    match status {
        TraceStatus::Unspecified => "unknown",
        TraceStatus::OnHand => "on-hand",
        TraceStatus::InTransit => "in-transit",
        TraceStatus::Missing => "missing",
        TraceStatus::Consumed => "consumed",
        TraceStatus::Disposed => "disposed",
        TraceStatus::Lost => "lost",
        TraceStatus::Returned => "returned",
        TraceStatus::Converted => "converted",
    }
}

/// Of the batches that are traced, or of the kits with some of their units.
fn bar(words: Words<'_>, batches: &[TraceBatch], of_kits: bool) -> Bar {
    let statuses = [
        TraceStatus::OnHand,
        TraceStatus::InTransit,
        TraceStatus::Missing,
        TraceStatus::Consumed,
        TraceStatus::Disposed,
        TraceStatus::Lost,
        TraceStatus::Returned,
        TraceStatus::Converted,
        TraceStatus::Unspecified,
    ];
    let amounts = statuses.map(|status| {
        let places = batches
            .iter()
            .filter(|batch| batch.of_kits == of_kits)
            .flat_map(|batch| &batch.places)
            .filter(|place| place.status() == status);
        let amount = places.fold(0_i64, |sum, place| sum.saturating_add(place.quantity));
        let label = if of_kits && status == TraceStatus::Converted {
            words.t.kits_broken
        } else {
            words.t.trace_status(status)
        };
        (label, class(status), amount)
    });
    Bar::of(amounts, |amount| words.number(amount))
}

fn batches(told: Told<'_>, batches: &[TraceBatch]) -> Vec<BatchView> {
    let words = told.words;
    let mut room = PLACES_SHOWN;
    let mut views = Vec::new();
    for traced in batches.iter().take(BATCHES_SHOWN) {
        let batch = traced.batch.clone().unwrap_or_default();
        let shown = traced.places.len().min(room);
        room -= shown;
        views.push(BatchView {
            item: words.text(traced.item_name.as_ref(), &batch.item_id),
            use_by: format::date(words.lang, &batch.expires_on),
            quantity: words.number(batch.quantity),
            places: traced
                .places
                .iter()
                .take(shown)
                .map(|place| place_view(told, place))
                .collect(),
            places_rest: rest(words, traced.places.len(), shown),
            batch_id: batch.batch_id,
            is_held: !batch.holds.is_empty(),
            is_recalled: batch.recall.is_some(),
            lot: batch.lot,
        });
    }
    views
}

fn place_view(told: Told<'_>, place: &TracePlace) -> PlaceView {
    let words = told.words;
    PlaceView {
        facility: words.text(place.facility_name.as_ref(), &place.facility_id),
        region: words.region(&place.region_id),
        status: words.t.trace_status(place.status()),
        class: class(place.status()),
        quantity: words.number(place.quantity),
        reserved: some(words, place.reserved),
        held: some(words, place.held),
        owner: told.organisation(&place.owner_id),
        custodian: if place.custodian_id.is_empty() {
            String::new()
        } else {
            told.organisation(&place.custodian_id)
        },
        shipment_id: place.shipment_id.clone(),
        numbers: place
            .serial_numbers
            .iter()
            .take(NUMBERS_SHOWN)
            .cloned()
            .collect(),
        numbers_rest: rest(words, place.serial_numbers.len(), NUMBERS_SHOWN),
    }
}

/// The newest steps of all batches, oldest first.
fn steps(words: Words<'_>, batches: &[TraceBatch]) -> Vec<StepView> {
    let mut steps: Vec<(&str, &TraceStep)> = batches
        .iter()
        .flat_map(|traced| {
            let batch_id = traced
                .batch
                .as_ref()
                .map_or("", |batch| batch.batch_id.as_str());
            traced.steps.iter().map(move |step| (batch_id, step))
        })
        .collect();
    steps.sort_by_key(|(_, step)| step.position);
    let hidden = steps.len().saturating_sub(STEPS_SHOWN);
    steps.drain(..hidden);
    steps
        .into_iter()
        .map(|(batch_id, step)| step_view(words, batch_id, step))
        .collect()
}

fn step_view(words: Words<'_>, batch_id: &str, step: &TraceStep) -> StepView {
    let facility = |code: &str| {
        if code.is_empty() {
            String::new()
        } else {
            words.facility(code)
        }
    };
    let moment = |at: &Option<OccurredAt>| format::occurred_at(words.lang, at.as_ref());
    StepView {
        position: format::position(words.lang, step.position),
        at: moment(&step.occurred_at),
        event: words.t.step(step),
        // What did not happen found nothing.
        outcome: (words.t.outcome(step.outcome())).filter(|_| !step.undone),
        // That a batch is held or released concerns all of it.
        quantity: if step.quantity == 0 {
            String::new()
        } else {
            words.number(step.quantity)
        },
        batch_id: batch_id.to_owned(),
        // What happens before units leave is told by the place alone.
        from: if step.from_facility_id == step.facility_id {
            String::new()
        } else {
            facility(&step.from_facility_id)
        },
        place: facility(&step.facility_id),
        shipment_id: step.shipment_id.clone(),
        request_id: step.request_id.clone(),
    }
}

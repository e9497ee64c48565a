//! How much one command may hold. Chosen so that the events that follow keep within what the log takes, except where
//! many lots, donations and requests meet in one event: such a command is refused and says how to split it.

use keruen_proto::Event;

use crate::{rejection::Rejection, tags::tags};

/// Tags of one event.
pub const TAGS: usize = 64;
/// Bytes of one event's data.
pub const EVENT_BYTES: usize = 64 * 1024;
/// Lines of a pledge.
pub const PLEDGE_LINES: usize = 100;
/// Lines of one receipt of a donation: each has up to three tags of its own (batch, lot, stock).
pub const RECEIPT_LINES: usize = 20;
/// Parts of a donation that come from abroad.
pub const CONSIGNMENTS: usize = 50;
/// Times that money of a donation is set aside.
pub const COMMITMENTS: usize = 200;
/// Earmarks of a donation.
pub const EARMARKS: usize = 20;
/// Conditions of a donation.
pub const CONDITIONS: usize = 10;
/// Lines of a request.
pub const REQUEST_LINES: usize = 50;
/// Substitutes offered for one request.
pub const OFFERS: usize = 50;
/// How long an approval by word of mouth may stay unconfirmed, in microseconds: a week.
pub const CONFIRMATION_US: i64 = 7 * 24 * 60 * 60 * 1_000_000;
/// People who are called at once.
pub const CALLED: usize = 10;
/// Shifts of a duty roster.
pub const DUTY_SHIFTS: usize = 200;
/// Emergencies that were ever declared: every allocation looks through them.
pub const EMERGENCIES: usize = 500;
/// Regions of one emergency: as many as there are, and some to spare.
pub const EMERGENCY_REGIONS: usize = 32;
/// Other items that one allocation may name as what remains of a reserve.
pub const RESERVE_ITEMS: usize = 20;
/// Facilities, and requests, of one plan: all of them are read when it is approved.
pub const PLAN_DESTINATIONS: usize = 40;
/// Shipments that bring one plan, with those that were split off them: all of them are read to tell what became of it.
pub const PLAN_SHIPMENTS: usize = 1_000;
/// Shares of one plan as stated.
pub const PLAN_SHARES: usize = 400;
/// Lines of a shipment.
pub const SHIPMENT_LINES: usize = 20;
/// Lots of different batches and owners into which a shipment may be parted as title to it passes: as many as one command can
/// name.
pub const SHIPMENT_LOTS: usize = 60;
/// Lines of what was found when a shipment was received.
pub const FOUND_LINES: usize = 60;
/// Parcels of a shipment.
pub const PARCELS: usize = 100;
/// Kinds of units in a parcel.
pub const PARCEL_CONTENTS: usize = 40;
/// Parts of a shipment that one command may name.
pub const PICKS: usize = 60;
/// Custodians of a shipment, one after the other.
pub const LEGS: usize = 50;
/// What is remarked when goods pass from hand to hand.
pub const REMARKS: usize = 20;
/// Liability agreements of an organisation.
pub const AGREEMENTS: usize = 250;
/// Counts by which a keeper takes over: each is read.
pub const KEEPER_COUNTS: usize = 200;
/// Counts that are remembered because keepers took over by them.
pub const USED_COUNTS: usize = 1_000;
/// Stops of a trip.
pub const TRIP_STOPS: usize = 30;
/// Shipments on a trip: each is a tag where it is cancelled, and each is read where it leaves.
pub const TRIP_LOADS: usize = 40;
/// Facilities to which a shipment may be diverted, one after the other.
pub const DIVERSIONS: usize = 20;
/// Shipments that may be split off one.
pub const SPLITS: usize = 20;
/// What is known one by one of what was not as announced.
pub const DISCREPANCIES: usize = 200;
/// Days for which units must be usable on arrival, at most: ten years.
pub const MIN_LIFE_DAYS: i32 = 3_660;
/// Days within which a sender can dispute what was not as announced, at most.
pub const ANSWER_DAYS: i32 = 90;
/// Serial numbers in one command: each is a tag, beside those of the donation or shipment, the stock, the batch and
/// the lot.
pub const SERIAL_NUMBERS: usize = 60;
/// Shipments whose claims one decrease of stock may break: each is read, and each is an event.
pub const BROKEN_CLAIMS: usize = 100;
/// Lots that one count may compare.
pub const COUNT_LINES: usize = 1_000;
/// Lots of a count that one event may hold.
pub const COUNT_LINES_OF_EVENT: usize = 100;
/// Serial numbers that one count may name.
pub const COUNT_SERIAL_NUMBERS: usize = 10_000;
/// Lots whose books one count may correct: each is read, and so is each shipment whose claim that breaks. Lots that the books
/// did not know there are among them.
pub const COUNT_CORRECTIONS: usize = 100;
/// Batches that one temperature excursion may name.
pub const EXCURSION_BATCHES: usize = 50;
/// Held assets that one temperature excursion may look at, with those that they are inside: each is read.
pub const EXCURSION_ASSETS: usize = 100;
/// Types of mains sockets of a site.
pub const PLUG_TYPES: usize = 14;
/// People who were taught to run an asset, in one command.
pub const TRAINED_USERS: usize = 40;
/// What a kit may consist of.
pub const KIT_COMPONENTS: usize = 20;
/// Batches of kits that one command may make.
pub const KIT_BATCHES: usize = 10;
/// Batches of components that one command may name.
pub const COMPONENT_BATCHES: usize = 40;
/// Batches of kits that one lot may go into: its recall reads and holds all of them in one append, and the log takes no
/// longer question.
pub const KITS_OF_LOT: usize = 250;
/// Boundaries that one command may read to know how many kits contain units of the batches that it may take: enough for
/// 200 batches, each of a lot of its own that never went into kits.
pub const IN_KITS_READS: usize = 400;
/// Assets that may lie one inside the other, the outermost included.
pub const ASSET_DEPTH: usize = 3;
/// Assets that may be inside another one in all.
pub const ASSET_CONTENTS: usize = 30;
/// Documents of one command.
pub const DOCUMENTS: usize = 16;
/// Keys of other systems of one thing.
pub const EXTERNAL_IDS: usize = 16;
/// Regions that a facility belonged to, one after the other, when it is entered.
pub const REGION_ASSIGNMENTS: usize = 16;
/// Regions that a facility may have belonged to in the end, moves included.
pub const REGIONS_IN_TURN: usize = 1_000;
/// Stays of a mobile unit that are known one by one.
pub const STAYS: usize = 250;
/// Stops of a schedule.
pub const SCHEDULE_STOPS: usize = 60;
/// Periods that a mobile unit reported on and that are known one by one.
pub const THROUGHPUT_PERIODS: usize = 400;
/// Closures of a facility.
pub const CLOSURES: usize = 250;
/// Verifications of an organisation, one after the other.
pub const VERIFICATIONS: usize = 100;
/// Packs of an item.
pub const PACKS: usize = 20;
/// Items that may be used instead of another one.
pub const SUBSTITUTES: usize = 20;
/// Skills of a volunteer: as many as there are, and some to spare.
pub const SKILLS: usize = 32;
/// Crews that a volunteer was in, one after the other.
pub const ASSIGNMENTS: usize = 250;
/// Volunteers that were in a crew, one after the other.
pub const CREW_ASSIGNMENTS: usize = 1_000;
/// Minimum reserves of a facility.
pub const MINIMUM_RESERVES: usize = 100;
/// Accessories of an item.
pub const ACCESSORIES: usize = 50;
/// How long before the clock an allocation may be dated, in microseconds: clocks differ a little, no more.
pub const ALLOCATION_AGE_US: i64 = 5 * 60 * 1_000_000;

/// Refuses events that the log would not take, so that the refusal can say what to do.
pub(crate) fn keep(events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
    for event in &events {
        check(event)?;
    }
    Ok(events)
}

/// Refuses an event with too many tags or too much data.
pub(crate) fn check(event: &Event) -> Result<(), Rejection> {
    let found = tags(event).len();
    if found > TAGS {
        return Err(Rejection::TooManyTags {
            event: event.short_name(),
            tags: found,
            limit: TAGS,
        });
    }
    let bytes = event.encode().len();
    if bytes > EVENT_BYTES {
        return Err(Rejection::EventTooLarge {
            event: event.short_name(),
            bytes,
            limit: EVENT_BYTES,
        });
    }
    Ok(())
}

/// Refuses a list of lines that is empty or too long.
pub(crate) fn lines(field: &str, found: usize, limit: usize) -> Result<(), Rejection> {
    if found == 0 {
        return Err(Rejection::NoLines {
            field: field.to_owned(),
        });
    }
    if found > limit {
        return Err(Rejection::TooManyLines {
            field: field.to_owned(),
            found,
            limit,
        });
    }
    Ok(())
}

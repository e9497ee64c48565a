//! Units that have gone already, whatever the books say of them: used, disposed of, given back. What has happened can't be
//! refused. So it is taken from what there is, in order, also from what is held or claimed; claims to it are given up, and
//! what the books do not know of is found as a discrepancy in the same append, until a count settles where it came from.

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{
        Batch, StockDiscrepancyFound, StockLevel, StockLot, StockUnits, UseParticulars,
    },
    shipments::v1::ReleaseReason,
};

use super::{
    claims::{self, BrokenClaim},
    pick::{Choice, by_expiry, units_of},
};
use crate::{
    books::Books,
    boundary::Boundary,
    calendar::is_expired,
    code::{Code, MAX_QUANTITY, UNATTRIBUTED},
    rejection::Rejection,
};

/// From which units of a lot something is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Those that might have been issued.
    Issuable,
    /// Those that are neither claimed, nor held by themselves, nor expired, whatever else is known of their batch.
    Usable,
    /// Those that are neither claimed nor held by themselves.
    Free,
    /// Those that are held by themselves.
    Held,
    /// Those that shipments have claimed.
    Claimed,
}

/// What is used, is taken from what might have been issued first.
pub(crate) const USED: &[Tier] = &[
    Tier::Issuable,
    Tier::Usable,
    Tier::Free,
    Tier::Held,
    Tier::Claimed,
];
/// What is thrown away or given back, is taken from what is held first.
pub(crate) const PARTED_WITH: &[Tier] = &[Tier::Held, Tier::Free, Tier::Claimed];

/// What passes to another owner, is free first.
pub(crate) const PASSED: &[Tier] = &[Tier::Free, Tier::Held, Tier::Claimed];
/// What is set apart, is free first; what is held is set apart already.
pub(crate) const SET_APART: &[Tier] = &[Tier::Free, Tier::Claimed];

/// Units that have gone.
pub(crate) struct Gone<'a> {
    /// What is there.
    pub level: &'a StockLevel,
    /// The same, with only what might have been issued as available.
    pub issuable: &'a StockLevel,
    /// The day on which they went.
    pub today: NaiveDate,
    pub choice: Choice<'a>,
    pub quantity: i64,
    pub tiers: &'static [Tier],
}

/// What is taken of one lot.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    free: i64,
    held: i64,
    claimed: i64,
}

impl Share {
    fn sum(self) -> i64 {
        self.free + self.held + self.claimed
    }
}

/// What is taken of each lot, and what the books do not know of.
pub(crate) struct Taken<'a> {
    shares: Vec<(&'a StockLot, Share)>,
    /// Units that the books do not know of.
    pub beyond: i64,
    /// Whether some of it could not have been issued.
    pub is_out_of_order: bool,
}

impl<'a> Gone<'a> {
    /// Takes them, first expired first, tier by tier.
    pub fn taken(&self) -> Taken<'a> {
        let mut shares: Vec<(&StockLot, &StockLot, Share)> = by_expiry(self.level, self.choice)
            .map(|index| {
                let lot = &self.level.lots[index];
                (lot, &self.issuable.lots[index], Share::default())
            })
            .collect();
        let mut open = self.quantity;
        let mut is_out_of_order = false;
        for tier in self.tiers {
            for (lot, issuable, share) in &mut shares {
                let (there, taken) = match tier {
                    Tier::Issuable => (
                        self.unexpired(issuable, issuable.available),
                        &mut share.free,
                    ),
                    Tier::Usable => (self.unexpired(lot, free(lot)), &mut share.free),
                    Tier::Free => (free(lot), &mut share.free),
                    Tier::Held => (lot.held_here, &mut share.held),
                    Tier::Claimed => (lot.reserved, &mut share.claimed),
                };
                let quantity = open.min(there - *taken).max(0);
                *taken += quantity;
                open -= quantity;
                is_out_of_order |= quantity > 0 && *tier != Tier::Issuable;
            }
        }
        shares.retain(|(_, _, share)| share.sum() > 0);
        Taken {
            shares: shares
                .into_iter()
                .map(|(lot, _, share)| (lot, share))
                .collect(),
            beyond: open,
            is_out_of_order: is_out_of_order || open > 0,
        }
    }

    fn unexpired(&self, lot: &StockLot, quantity: i64) -> i64 {
        if is_expired(&lot.expires_on, self.today) {
            0
        } else {
            quantity
        }
    }
}

/// Units that are neither claimed nor held by themselves.
fn free(lot: &StockLot) -> i64 {
    lot.on_hand - lot.reserved - lot.held_here
}

/// As what the units are booked that the books do not know of.
pub(crate) enum Unknown<'a> {
    /// As units of this batch.
    Batch(&'a Batch),
    /// As a batch of their own, of which nobody knows anything.
    New(&'a Code),
}

/// What follows.
pub(crate) struct Consequences {
    /// What comes first: claims that are given up, and what is found.
    pub before: Vec<Event>,
    /// The units that are gone.
    pub units: Vec<StockUnits>,
    /// What is to be said of each.
    pub particulars: Vec<UseParticulars>,
}

impl Taken<'_> {
    fn claims(&self) -> Vec<(&StockLot, i64, Vec<BrokenClaim>)> {
        let claimed = self.shares.iter().filter(|(_, share)| share.claimed > 0);
        claimed
            .map(|(lot, share)| {
                let unclaimed = lot.available + lot.held;
                let broken = claims::broken(lot, unclaimed + share.claimed, &[]);
                (*lot, share.sum(), broken)
            })
            .collect()
    }

    /// The lots from which something is taken.
    pub fn lots(&self) -> impl Iterator<Item = &StockLot> {
        self.shares.iter().map(|(lot, _)| *lot)
    }

    /// What must be read to know what follows.
    pub fn reads(&self, books: &Books) -> Vec<Boundary> {
        let claims = self.claims();
        let claims = claims
            .iter()
            .flat_map(|(_, _, broken)| claims::reads(books, broken));
        claims.collect()
    }

    /// What follows. Units that the books do not know of belong to the owner that is named, else to whoever the rest
    /// belonged to.
    pub fn consequences(
        &self,
        books: &Books,
        level: &StockLevel,
        unknown: &Unknown<'_>,
        owner_id: Option<&str>,
        reason: ReleaseReason,
    ) -> Result<Consequences, Rejection> {
        let facility_id = &level.facility_id;
        let mut consequences = Consequences {
            before: Vec::new(),
            units: Vec::new(),
            particulars: Vec::new(),
        };
        let claims = self.claims();
        let broken = claims.iter().map(|(_, _, broken)| broken.len()).sum();
        claims::check_number(facility_id, "of several lots", broken)?;
        for (lot, quantity, broken) in &claims {
            let units = units_of(&level.item_id, lot, *quantity, Vec::new());
            let given_up = claims::give_up(books, facility_id, broken, &units, reason)?;
            consequences.before.extend(given_up);
        }
        for (lot, share) in &self.shares {
            let units = units_of(&level.item_id, lot, share.sum(), Vec::new());
            consequences.units.push(units);
            consequences.particulars.push(UseParticulars {
                held_quantity: share.held,
                found_quantity: 0,
            });
        }
        if self.beyond > 0 {
            self.find(&mut consequences, level, unknown, owner_id)?;
        }
        if consequences
            .particulars
            .iter()
            .all(|it| *it == UseParticulars::default())
        {
            consequences.particulars.clear();
        }
        Ok(consequences)
    }

    fn find(
        &self,
        consequences: &mut Consequences,
        level: &StockLevel,
        unknown: &Unknown<'_>,
        owner_id: Option<&str>,
    ) -> Result<(), Rejection> {
        let found = self.found(level, unknown, owner_id);
        let known = consequences
            .units
            .iter()
            .position(|units| units.batch_id == found.batch_id && units.owner_id == found.owner_id);
        let sum = known
            .map_or(0, |index| consequences.units[index].quantity)
            .saturating_add(found.quantity);
        if sum > MAX_QUANTITY {
            return Err(Rejection::QuantityOverflow {
                field: "quantity".to_owned(),
                sum,
            });
        }
        consequences.before.push(
            StockDiscrepancyFound {
                facility_id: level.facility_id.clone(),
                units: Some(found.clone()),
                corrects_event_id: String::new(),
                effective_at: None,
            }
            .into(),
        );
        if let Some(index) = known {
            consequences.units[index].quantity = sum;
            consequences.particulars[index].found_quantity = found.quantity;
        } else {
            consequences.particulars.push(UseParticulars {
                held_quantity: 0,
                found_quantity: found.quantity,
            });
            consequences.units.push(found);
        }
        Ok(())
    }

    fn found(
        &self,
        level: &StockLevel,
        unknown: &Unknown<'_>,
        owner_id: Option<&str>,
    ) -> StockUnits {
        match unknown {
            Unknown::Batch(batch) => {
                let last = self.shares.last().map(|(lot, _)| &*lot.owner_id);
                StockUnits {
                    batch_id: batch.batch_id.clone(),
                    donation_id: batch.donation_id.clone(),
                    item_id: batch.item_id.clone(),
                    owner_id: owner_id.or(last).unwrap_or(&batch.owner_id).to_owned(),
                    lot: batch.lot.clone(),
                    expires_on: batch.expires_on.clone(),
                    quantity: self.beyond,
                    serial_numbers: Vec::new(),
                }
            }
            Unknown::New(batch_id) => StockUnits {
                batch_id: batch_id.to_string(),
                donation_id: UNATTRIBUTED.to_owned(),
                item_id: level.item_id.clone(),
                owner_id: owner_id.unwrap_or(UNATTRIBUTED).to_owned(),
                quantity: self.beyond,
                ..StockUnits::default()
            },
        }
    }
}

//! A state machine against a naive model: whatever is commanded of stock, in whatever order, the domain accepts what the
//! model accepts, and the books are what the model says, lot by lot. The model is as plain as can be and knows nothing of
//! events: piles of units, claims of shipments, and what is under way.

use std::collections::BTreeMap;

use keruen_domain::{
    Boundary, Command, Entry,
    check::Ledger,
    correction::VoidMovement,
    donation::ReceiptLine,
    shipment::{FoundGoods, Pick, RequestShipment, TransferShipmentTitle},
    stock::{
        AdjustStock, Change, ConsumeStock, DisposeStock, HoldStock, ReleaseStock, ReturnStock,
        TransferTitle,
    },
};
use keruen_proto::{
    Event,
    inventory::v1::{AdjustmentReason, ReceiptOutcome},
};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use crate::{story::Story, world::*};

const FACILITIES: [&str; 2] = ["WH", "HOSP"];
const OWNERS: [&str; 2] = ["MOH", "HELP"];
/// Last days of use; none of them passes.
const DAYS: [&str; 3] = ["2020-09-30", "2020-12-31", "2021-06-30"];

/// Batch and owner.
type Key = (usize, usize);
/// Batch, owner and how many of it.
type Used = (usize, usize, i64);
/// Under way, and missing.
type Load = (i64, i64);

/// A pile of units of one batch and one owner at one facility.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pile {
    batch: usize,
    owner: usize,
    on_hand: i64,
    held: i64,
    /// Shipments, in the order in which they claimed, with how many.
    claims: Vec<(usize, i64)>,
}

impl Pile {
    fn reserved(&self) -> i64 {
        self.claims.iter().map(|(_, claimed)| claimed).sum()
    }

    fn available(&self) -> i64 {
        self.on_hand - self.held - self.reserved()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not all of it is claimed.
    Open,
    Claimed,
    UnderWay,
    Cancelled,
}

/// A shipment from WH to HOSP.
#[derive(Clone, Debug)]
struct Parcel {
    stage: Stage,
    wanted: i64,
    /// Of each batch and owner: under way, and missing.
    load: BTreeMap<Key, Load>,
}

/// What there is.
#[derive(Clone, Debug)]
struct Model {
    /// At WH and at HOSP, in the order in which they came.
    piles: [Vec<Pile>; 2],
    /// Last day of use of each batch.
    batches: Vec<usize>,
    parcels: Vec<Parcel>,
    /// Consumed, disposed of, lost and given back, over all.
    gone: [i64; 4],
    received: i64,
    /// Uses that can be taken back: facility, and what of each batch and owner.
    uses: Vec<(usize, Vec<Used>)>,
    was_accepted: bool,
}

/// What is commanded. Places in lists are taken modulo their length.
#[derive(Clone, Debug)]
enum Transition {
    Receive {
        day: usize,
        amount: i64,
    },
    Consume {
        at: usize,
        amount: i64,
    },
    UndoUse {
        which: usize,
    },
    Dispose {
        at: usize,
        pile: usize,
        amount: i64,
    },
    GiveBack {
        at: usize,
        pile: usize,
        amount: i64,
    },
    Lose {
        at: usize,
        pile: usize,
        amount: i64,
    },
    Find {
        at: usize,
        pile: usize,
        amount: i64,
    },
    Hold {
        at: usize,
        pile: usize,
        amount: i64,
    },
    Release {
        at: usize,
        pile: usize,
        amount: i64,
    },
    Pass {
        at: usize,
        pile: usize,
        owner: usize,
        amount: i64,
    },
    /// What a shipment has claimed, or carries, passes.
    PassInShipment {
        parcel: usize,
        part: usize,
        owner: usize,
        amount: i64,
    },
    Request {
        amount: i64,
    },
    Allocate {
        parcel: usize,
    },
    Cancel {
        parcel: usize,
    },
    Dispatch {
        parcel: usize,
    },
    Arrive {
        parcel: usize,
        part: usize,
        good: i64,
        missing: i64,
    },
    Settle {
        parcel: usize,
    },
}

const CONSUMED: usize = 0;
const DISPOSED: usize = 1;
const LOST: usize = 2;
const RETURNED: usize = 3;

impl Model {
    fn pile(&mut self, at: usize, pile: usize) -> Option<&mut Pile> {
        let count = self.piles[at].len();
        self.piles[at].get_mut(pile.checked_rem(count)?)
    }

    /// Adds to the pile of a batch and owner, or makes one at the end.
    fn add(&mut self, at: usize, batch: usize, owner: usize, on_hand: i64, held: i64) {
        let piles = &mut self.piles[at];
        let known = piles
            .iter_mut()
            .find(|pile| (pile.batch, pile.owner) == (batch, owner));
        if let Some(pile) = known {
            pile.on_hand += on_hand;
            pile.held += held;
        } else {
            piles.push(Pile {
                batch,
                owner,
                on_hand,
                held,
                claims: Vec::new(),
            });
        }
    }

    fn sweep(&mut self) {
        for piles in &mut self.piles {
            piles.retain(|pile| pile.on_hand != 0);
        }
    }

    /// Piles at a facility, what expires first first.
    fn order(&self, at: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.piles[at].len()).collect();
        order.sort_by_key(|index| self.batches[self.piles[at][*index].batch]);
        order
    }

    /// What it takes to get so many, first expired first out.
    fn pick(&self, at: usize, amount: i64) -> Option<Vec<(usize, i64)>> {
        let mut open = amount;
        let mut picked = Vec::new();
        for index in self.order(at) {
            let taken = open.min(self.piles[at][index].available());
            if taken > 0 {
                picked.push((index, taken));
                open -= taken;
            }
        }
        (open == 0).then_some(picked)
    }

    /// Carries a command out; `false` where it is refused.
    #[expect(clippy::too_many_lines, reason = "an arm for each command")]
    fn take(&mut self, transition: &Transition) -> bool {
        match *transition {
            Transition::Receive { day, amount } => {
                self.batches.push(day);
                self.add(0, self.batches.len() - 1, 0, amount, 0);
                self.received += amount;
            }
            Transition::Consume { at, amount } => {
                let Some(picked) = self.pick(at, amount) else {
                    return false;
                };
                let mut used = Vec::new();
                for (index, taken) in picked {
                    let pile = &mut self.piles[at][index];
                    pile.on_hand -= taken;
                    used.push((pile.batch, pile.owner, taken));
                }
                self.uses.push((at, used));
                self.gone[CONSUMED] += amount;
            }
            Transition::UndoUse { which } => {
                let count = self.uses.len();
                let Some(index) = which.checked_rem(count) else {
                    return false;
                };
                let (at, used) = self.uses.remove(index);
                for (batch, owner, taken) in used {
                    self.add(at, batch, owner, taken, 0);
                    self.gone[CONSUMED] -= taken;
                }
            }
            Transition::Dispose { at, pile, amount }
            | Transition::GiveBack { at, pile, amount } => {
                let Some(pile) = self.pile(at, pile) else {
                    return false;
                };
                if amount > pile.available() + pile.held {
                    return false;
                }
                pile.on_hand -= amount;
                pile.held -= amount.min(pile.held);
                let is_disposal = matches!(transition, Transition::Dispose { .. });
                self.gone[if is_disposal { DISPOSED } else { RETURNED }] += amount;
            }
            Transition::Lose { at, pile, amount } => {
                let Some(pile) = self.pile(at, pile) else {
                    return false;
                };
                if amount > pile.on_hand {
                    return false;
                }
                let mut open = amount - pile.available() - pile.held;
                let held = pile.held.min((amount - pile.available()).max(0));
                let mut broken = Vec::new();
                for (parcel, claimed) in pile.claims.iter_mut().rev() {
                    let given_up = (*claimed).min(open.max(0));
                    *claimed -= given_up;
                    open -= given_up;
                    if given_up > 0 {
                        broken.push(*parcel);
                    }
                }
                pile.claims.retain(|(_, claimed)| *claimed > 0);
                pile.on_hand -= amount;
                pile.held -= held;
                for parcel in broken {
                    self.parcels[parcel].stage = Stage::Open;
                }
                self.gone[LOST] += amount;
            }
            Transition::Find { at, pile, amount } => {
                let Some(pile) = self.pile(at, pile) else {
                    return false;
                };
                pile.on_hand += amount;
                self.received += amount;
            }
            Transition::Hold { at, pile, amount } => {
                let Some(pile) = self.pile(at, pile) else {
                    return false;
                };
                if amount > pile.available() {
                    return false;
                }
                pile.held += amount;
            }
            Transition::Release { at, pile, amount } => {
                let Some(pile) = self.pile(at, pile) else {
                    return false;
                };
                if amount > pile.held {
                    return false;
                }
                pile.held -= amount;
            }
            Transition::Pass {
                at,
                pile,
                owner,
                amount,
            } => {
                let Some(pile) = self.pile(at, pile) else {
                    return false;
                };
                if owner == pile.owner || amount > pile.on_hand - pile.reserved() {
                    return false;
                }
                let held = (amount - pile.available()).max(0);
                pile.on_hand -= amount;
                pile.held -= held;
                let batch = pile.batch;
                self.add(at, batch, owner, amount, held);
            }
            Transition::PassInShipment {
                parcel,
                part,
                owner,
                amount,
            } => return self.pass_in_shipment(parcel, part, owner, amount),
            Transition::Request { amount } => self.parcels.push(Parcel {
                stage: Stage::Open,
                wanted: amount,
                load: BTreeMap::new(),
            }),
            Transition::Allocate { parcel } => return self.allocate(parcel),
            Transition::Cancel { parcel } => {
                let Some(number) = parcel.checked_rem(self.parcels.len()) else {
                    return false;
                };
                let parcel = &mut self.parcels[number];
                if !matches!(parcel.stage, Stage::Open | Stage::Claimed) {
                    return false;
                }
                parcel.stage = Stage::Cancelled;
                for pile in &mut self.piles[0] {
                    pile.claims.retain(|(claimer, _)| *claimer != number);
                }
            }
            Transition::Dispatch { parcel } => return self.dispatch(parcel),
            Transition::Arrive {
                parcel,
                part,
                good,
                missing,
            } => {
                return self.arrive(parcel, part, good, missing);
            }
            Transition::Settle { parcel } => {
                let count = self.parcels.len();
                let Some(parcel) = parcel.checked_rem(count).map(|it| &mut self.parcels[it]) else {
                    return false;
                };
                let missing: i64 = parcel.load.values().map(|(_, missing)| missing).sum();
                if missing == 0 {
                    return false;
                }
                for (_, missing) in parcel.load.values_mut() {
                    *missing = 0;
                }
                self.gone[LOST] += missing;
            }
        }
        true
    }

    fn claimed_by(&self, number: usize) -> i64 {
        let claims = self.piles[0].iter().flat_map(|pile| &pile.claims);
        let own = claims.filter(|(parcel, _)| *parcel == number);
        own.map(|(_, claimed)| claimed).sum()
    }

    /// Of each batch and owner, how many a shipment has claimed, or carries.
    fn in_shipment(&self, number: usize) -> Vec<(Key, i64)> {
        let parcel = &self.parcels[number];
        if parcel.stage == Stage::UnderWay {
            let load = parcel.load.iter();
            return load
                .filter(|(_, (under_way, _))| *under_way > 0)
                .map(|(key, (under_way, _))| (*key, *under_way))
                .collect();
        }
        let claims = self.piles[0].iter().filter_map(|pile| {
            let (_, claimed) = pile.claims.iter().find(|(claimer, _)| *claimer == number)?;
            Some(((pile.batch, pile.owner), *claimed))
        });
        claims.collect()
    }

    fn pass_in_shipment(&mut self, parcel: usize, part: usize, owner: usize, amount: i64) -> bool {
        let number = parcel % self.parcels.len();
        let parts = self.in_shipment(number);
        let ((batch, old), there) = parts[part % parts.len()];
        if old == owner || amount > there {
            return false;
        }
        if self.parcels[number].stage == Stage::UnderWay {
            let load = &mut self.parcels[number].load;
            load.entry((batch, old)).or_default().0 -= amount;
            load.entry((batch, owner)).or_default().0 += amount;
            return true;
        }
        let is_old = |pile: &&mut Pile| (pile.batch, pile.owner) == (batch, old);
        let pile = self.piles[0].iter_mut().find(is_old).expect("a pile");
        pile.on_hand -= amount;
        for (claimer, claimed) in &mut pile.claims {
            *claimed -= if *claimer == number { amount } else { 0 };
        }
        pile.claims.retain(|(_, claimed)| *claimed > 0);
        self.add(0, batch, owner, amount, 0);
        let is_new = |pile: &&mut Pile| (pile.batch, pile.owner) == (batch, owner);
        let pile = self.piles[0].iter_mut().find(is_new).expect("a pile");
        match pile
            .claims
            .iter_mut()
            .find(|(claimer, _)| *claimer == number)
        {
            Some((_, claimed)) => *claimed += amount,
            None => pile.claims.push((number, amount)),
        }
        true
    }

    fn allocate(&mut self, parcel: usize) -> bool {
        let Some(number) = parcel.checked_rem(self.parcels.len()) else {
            return false;
        };
        if self.parcels[number].stage != Stage::Open {
            return false;
        }
        let open = self.parcels[number].wanted - self.claimed_by(number);
        let Some(picked) = self.pick(0, open) else {
            return false;
        };
        for (index, taken) in picked {
            let claims = &mut self.piles[0][index].claims;
            match claims.iter_mut().find(|(parcel, _)| *parcel == number) {
                Some((_, claimed)) => *claimed += taken,
                None => claims.push((number, taken)),
            }
        }
        self.parcels[number].stage = Stage::Claimed;
        true
    }

    fn dispatch(&mut self, parcel: usize) -> bool {
        let Some(number) = parcel.checked_rem(self.parcels.len()) else {
            return false;
        };
        let is_ready = matches!(self.parcels[number].stage, Stage::Open | Stage::Claimed);
        if !is_ready || self.claimed_by(number) == 0 {
            return false;
        }
        for pile in &mut self.piles[0] {
            let own = pile.claims.iter().find(|(parcel, _)| *parcel == number);
            let Some(claimed) = own.map(|(_, claimed)| *claimed) else {
                continue;
            };
            pile.on_hand -= claimed;
            pile.claims.retain(|(parcel, _)| *parcel != number);
            let load = &mut self.parcels[number].load;
            load.insert((pile.batch, pile.owner), (claimed, 0));
        }
        self.parcels[number].stage = Stage::UnderWay;
        true
    }

    fn arrive(&mut self, parcel: usize, part: usize, good: i64, missing: i64) -> bool {
        let Some(number) = parcel.checked_rem(self.parcels.len()) else {
            return false;
        };
        let parcel = &mut self.parcels[number];
        let Some((key, load)) = parcel.part(part) else {
            return false;
        };
        let (under_way, known_missing) = *load;
        if missing > under_way || good + missing > under_way + known_missing {
            return false;
        }
        // Those that are there come off what is under way first, then off what had been missing.
        let missing_now = known_missing + missing;
        let turned_up = (good - (under_way - missing)).max(0);
        *load = (
            under_way - missing - (good - turned_up),
            missing_now - turned_up,
        );
        if good > 0 {
            self.add(1, key.0, key.1, good, 0);
        }
        true
    }
}

impl Parcel {
    /// Some part of it of which something is outstanding.
    fn part(&mut self, part: usize) -> Option<(Key, &mut Load)> {
        let outstanding = self.load.iter_mut();
        let mut outstanding: Vec<_> = outstanding
            .filter(|(_, (under_way, missing))| under_way + missing > 0)
            .collect();
        let index = part.checked_rem(outstanding.len())?;
        let (key, load) = outstanding.swap_remove(index);
        Some((*key, load))
    }
}

struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model {
            piles: [Vec::new(), Vec::new()],
            batches: Vec::new(),
            parcels: Vec::new(),
            gone: [0; 4],
            received: 0,
            uses: Vec::new(),
            was_accepted: true,
        })
        .boxed()
    }

    fn transitions(_: &Model) -> BoxedStrategy<Transition> {
        let amount = 1..12_i64;
        let at = 0..2_usize;
        let pile = 0..6_usize;
        let parcel = 0..6_usize;
        let of_pile = (at.clone(), pile, amount.clone());
        prop_oneof![
            4 => (0..3_usize, 5..30_i64).prop_map(|(day, amount)| Transition::Receive { day, amount }),
            2 => (at.clone(), amount.clone()).prop_map(|(at, amount)| Transition::Consume { at, amount }),
            1 => (0..8_usize).prop_map(|which| Transition::UndoUse { which }),
            1 => of_pile.clone().prop_map(|(at, pile, amount)| Transition::Dispose { at, pile, amount }),
            1 => of_pile.clone().prop_map(|(at, pile, amount)| Transition::GiveBack { at, pile, amount }),
            2 => of_pile.clone().prop_map(|(at, pile, amount)| Transition::Lose { at, pile, amount }),
            1 => of_pile.clone().prop_map(|(at, pile, amount)| Transition::Find { at, pile, amount }),
            2 => of_pile.clone().prop_map(|(at, pile, amount)| Transition::Hold { at, pile, amount }),
            1 => of_pile.clone().prop_map(|(at, pile, amount)| Transition::Release { at, pile, amount }),
            2 => (of_pile, 0..2_usize).prop_map(|((at, pile, amount), owner)| Transition::Pass {
                at, pile, owner, amount,
            }),
            2 => (parcel.clone(), 0..4_usize, 0..2_usize, 1..8_i64).prop_map(
                |(parcel, part, owner, amount)| Transition::PassInShipment { parcel, part, owner, amount }
            ),
            3 => amount.prop_map(|amount| Transition::Request { amount }),
            4 => parcel.clone().prop_map(|parcel| Transition::Allocate { parcel }),
            1 => parcel.clone().prop_map(|parcel| Transition::Cancel { parcel }),
            3 => parcel.clone().prop_map(|parcel| Transition::Dispatch { parcel }),
            4 => (parcel.clone(), 0..4_usize, 0..9_i64, 0..4_i64).prop_map(
                |(parcel, part, good, missing)| Transition::Arrive { parcel, part, good, missing }
            ),
            1 => parcel.prop_map(|parcel| Transition::Settle { parcel }),
        ]
        .boxed()
    }

    /// Only what names something is commanded.
    fn preconditions(model: &Model, transition: &Transition) -> bool {
        match *transition {
            Transition::UndoUse { .. } => !model.uses.is_empty(),
            Transition::Dispose { at, .. }
            | Transition::GiveBack { at, .. }
            | Transition::Lose { at, .. }
            | Transition::Find { at, .. }
            | Transition::Hold { at, .. }
            | Transition::Release { at, .. }
            | Transition::Pass { at, .. } => !model.piles[at].is_empty(),
            Transition::PassInShipment { parcel, .. } => {
                let number = parcel.checked_rem(model.parcels.len());
                number.is_some_and(|number| !model.in_shipment(number).is_empty())
            }
            Transition::Arrive {
                parcel,
                part,
                good,
                missing,
            } => {
                let number = parcel.checked_rem(model.parcels.len());
                let named = number.map(|number| model.parcels[number].clone());
                let is_there = named.is_some_and(|mut it| it.part(part).is_some());
                is_there && good + missing > 0
            }
            Transition::Allocate { .. }
            | Transition::Cancel { .. }
            | Transition::Dispatch { .. }
            | Transition::Settle { .. } => !model.parcels.is_empty(),
            _ => true,
        }
    }

    fn apply(mut model: Model, transition: &Transition) -> Model {
        let before = model.clone();
        model.was_accepted = model.take(transition);
        if !model.was_accepted {
            return Model {
                was_accepted: false,
                ..before
            };
        }
        model.sweep();
        model
    }
}

/// The domain, with its history.
struct Domain {
    story: Story,
    ledger: Ledger,
    /// The model as it was before.
    before: Model,
    /// Indices of the uses that can be taken back.
    uses: Vec<usize>,
}

fn batch_id(batch: usize) -> String {
    format!("B{batch}")
}

fn shipment_id(parcel: usize) -> String {
    format!("S{parcel}")
}

impl Domain {
    fn append(&mut self, events: &[Event]) {
        for event in events {
            let position = self.story.position() + 1;
            self.ledger.take_in(position, event, NOON_US);
            self.story.append([event.clone()]);
        }
        assert_eq!(self.ledger.end_append(), []);
    }

    fn run(&mut self, command: &dyn Command) -> bool {
        match self.story.decide(command) {
            Ok(events) => {
                self.append(&events);
                true
            }
            Err(_) => false,
        }
    }

    /// The pile that is named, as the model had it.
    fn pile(&self, at: usize, pile: usize) -> Pile {
        let piles = &self.before.piles[at];
        piles[pile % piles.len()].clone()
    }

    fn parcel(&self, parcel: usize) -> usize {
        parcel % self.before.parcels.len()
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each command")]
    fn take(&mut self, transition: &Transition) -> bool {
        match *transition {
            Transition::Receive { day, amount } => {
                let batch = batch_id(self.before.batches.len());
                let line = ReceiptLine {
                    expires_on: Some(date(DAYS[day])),
                    ..line("RAPID", amount, &batch)
                };
                self.run(&receive("D1", vec![line]))
            }
            Transition::Consume { at, amount } => {
                let used = self.run(&ConsumeStock {
                    facility_id: code(FACILITIES[at]),
                    ..consume("RAPID", amount)
                });
                if used {
                    self.uses.push(self.story.events.len() - 1);
                }
                used
            }
            Transition::UndoUse { which } => {
                let index = self.uses.remove(which % self.uses.len());
                self.run(&VoidMovement {
                    fact: fact_of(&self.story, index),
                    documents: Vec::new(),
                })
            }
            Transition::Dispose { at, pile, amount } => {
                let pile = self.pile(at, pile);
                self.run(&DisposeStock {
                    facility_id: code(FACILITIES[at]),
                    owner_id: Some(code(OWNERS[pile.owner])),
                    ..dispose(&batch_id(pile.batch), amount)
                })
            }
            Transition::GiveBack { at, pile, amount } => {
                let pile = self.pile(at, pile);
                self.run(&ReturnStock {
                    facility_id: code(FACILITIES[at]),
                    owner_id: Some(code(OWNERS[pile.owner])),
                    ..give_back(&batch_id(pile.batch), amount)
                })
            }
            Transition::Lose { at, pile, amount } => {
                let change = Change::Decrease(quantity(amount));
                self.adjust(at, pile, change, AdjustmentReason::Lost)
            }
            Transition::Find { at, pile, amount } => {
                let change = Change::Increase(quantity(amount));
                self.adjust(at, pile, change, AdjustmentReason::Found)
            }
            Transition::Hold { at, pile, amount } => {
                let pile = self.pile(at, pile);
                self.run(&HoldStock {
                    facility_id: code(FACILITIES[at]),
                    owner_id: Some(code(OWNERS[pile.owner])),
                    ..hold_here(&batch_id(pile.batch), amount)
                })
            }
            Transition::Release { at, pile, amount } => {
                let pile = self.pile(at, pile);
                self.run(&ReleaseStock {
                    facility_id: code(FACILITIES[at]),
                    owner_id: Some(code(OWNERS[pile.owner])),
                    ..release_here(&batch_id(pile.batch), amount)
                })
            }
            Transition::Pass {
                at,
                pile,
                owner,
                amount,
            } => {
                let pile = self.pile(at, pile);
                self.run(&TransferTitle {
                    facility_id: code(FACILITIES[at]),
                    owner_id: Some(code(OWNERS[pile.owner])),
                    new_owner_id: code(OWNERS[owner]),
                    ..transfer(&batch_id(pile.batch), amount)
                })
            }
            Transition::PassInShipment {
                parcel,
                part,
                owner,
                amount,
            } => {
                let number = self.parcel(parcel);
                let parts = self.before.in_shipment(number);
                let ((batch, old), _) = parts[part % parts.len()];
                self.run(&TransferShipmentTitle {
                    new_owner_id: code(OWNERS[owner]),
                    units: vec![Pick {
                        line: 1,
                        batch_id: Some(code(&batch_id(batch))),
                        owner_id: Some(code(OWNERS[old])),
                        quantity: Some(quantity(amount)),
                        serial_numbers: Vec::new(),
                    }],
                    ..transfer_in(&shipment_id(number))
                })
            }
            Transition::Request { amount } => {
                let id = shipment_id(self.before.parcels.len());
                let command: RequestShipment = ship(&id, &[("RAPID", amount)]);
                self.run(&command)
            }
            Transition::Allocate { parcel } => {
                let id = shipment_id(self.parcel(parcel));
                self.run(&allocate(&id))
            }
            Transition::Cancel { parcel } => {
                let id = shipment_id(self.parcel(parcel));
                self.run(&cancel(&id))
            }
            Transition::Dispatch { parcel } => {
                let id = shipment_id(self.parcel(parcel));
                self.run(&dispatch(&id))
            }
            Transition::Arrive {
                parcel,
                part,
                good,
                missing,
            } => {
                let number = self.parcel(parcel);
                let mut named = self.before.parcels[number].clone();
                let ((batch, owner), _) = named.part(part).expect("a part");
                let found = |amount: i64, outcome| FoundGoods {
                    batch_id: Some(code(&batch_id(batch))),
                    owner_id: Some(code(OWNERS[owner])),
                    ..found(1, amount, outcome)
                };
                let mut lines = Vec::new();
                if good > 0 {
                    lines.push(found(good, ReceiptOutcome::Good));
                }
                if missing > 0 {
                    lines.push(found(missing, ReceiptOutcome::Missing));
                }
                self.run(&arrive_with(&shipment_id(number), lines))
            }
            Transition::Settle { parcel } => {
                let id = shipment_id(self.parcel(parcel));
                self.run(&settle(&id))
            }
        }
    }

    fn adjust(&mut self, at: usize, pile: usize, change: Change, reason: AdjustmentReason) -> bool {
        let pile = self.pile(at, pile);
        self.run(&AdjustStock {
            facility_id: code(FACILITIES[at]),
            owner_id: Some(code(OWNERS[pile.owner])),
            ..adjust(&batch_id(pile.batch), change, reason)
        })
    }

    /// What the books say is at a facility.
    fn piles(&self, at: usize) -> Vec<(String, String, i64, i64, i64)> {
        let boundary = Boundary::Stock(code(FACILITIES[at]), code("RAPID"));
        let Entry::Stock(level, _) = self.story.read(&boundary) else {
            panic!("no stock");
        };
        let lots = level.lots.into_iter();
        lots.map(|lot| {
            (
                lot.batch_id,
                lot.owner_id,
                lot.on_hand,
                lot.reserved,
                lot.held,
            )
        })
        .collect()
    }
}

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Domain;
    type Reference = Reference;

    fn init_test(model: &Model) -> Domain {
        let mut domain = Domain {
            story: Story::empty(),
            ledger: Ledger::default(),
            before: model.clone(),
            uses: Vec::new(),
        };
        domain.append(&registry());
        let pledged = domain.run(&pledge("D1", &[("TEST", 1_000_000)]));
        assert!(pledged);
        domain
    }

    fn apply(mut domain: Domain, model: &Model, transition: Transition) -> Domain {
        let accepted = domain.take(&transition);
        assert_eq!(
            accepted, model.was_accepted,
            "{transition:?} in {:?}",
            domain.before
        );
        domain.before = model.clone();
        domain
    }

    fn check_invariants(domain: &Domain, model: &Model) {
        for (at, piles) in model.piles.iter().enumerate() {
            let expected: Vec<_> = piles
                .iter()
                .map(|pile| {
                    let owner = OWNERS[pile.owner].to_owned();
                    (
                        batch_id(pile.batch),
                        owner,
                        pile.on_hand,
                        pile.reserved(),
                        pile.held,
                    )
                })
                .collect();
            assert_eq!(domain.piles(at), expected, "at {}", FACILITIES[at]);
        }
        for (number, parcel) in model.parcels.iter().enumerate() {
            let id = shipment_id(number);
            for ((batch, owner), (under_way, missing)) in &parcel.load {
                let known = domain
                    .ledger
                    .in_transit(&id, &batch_id(*batch), OWNERS[*owner]);
                assert_eq!(known, under_way + missing, "shipment {id}");
            }
        }
        // Nothing comes from nowhere, and nothing vanishes.
        let on_hand: i64 = model.piles.iter().flatten().map(|pile| pile.on_hand).sum();
        let loads = model.parcels.iter().flat_map(|parcel| parcel.load.values());
        let in_transit: i64 = loads.map(|(under_way, missing)| under_way + missing).sum();
        let gone: i64 = model.gone.iter().sum();
        assert_eq!(model.received, on_hand + in_transit + gone);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_domain_does_what_the_model_does(sequential 1..120 => Machine);
}

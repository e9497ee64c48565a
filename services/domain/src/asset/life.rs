//! What an asset goes through. Where it is and whether it works are two things: the table below says from which of both
//! each step may be taken.

use std::slice;

use chrono::NaiveDate;
use keruen_proto::{
    Event,
    inventory::v1::{
        Asset, AssetCondition, AssetConditionReported, AssetFault, AssetInstalled, AssetLent,
        AssetLoan, AssetLoanEnded, AssetPlace, AssetPutInside, AssetPutIntoService, AssetRef,
        AssetRemoved, AssetRepair, AssetRepairEnded, AssetRetired, AssetRetirementReason,
        AssetSentForRepair, AssetServiced, AssetTakenOut, ContainerEmptied, ContainerFilled,
        FitOverride, FitProblem, HoldReason, MeasuredOutput, RepairOutcome, StockHeld, StockLot,
        StockReleased, StockUnits,
    },
    registry::v1::{DocumentKind, DocumentRef},
    shipments::v1::ReleaseReason,
};

use super::{contents, fit, is_free, state_of};
use crate::{
    books::{Books, Fold as _},
    boundary::Boundary,
    calendar::{self, facility_day},
    code::{Code, Label},
    command::{Command, Moment},
    limits,
    registry::{existing_facility, existing_item, existing_organisation, in_use},
    rejection::Rejection,
    stock::{claims, pick::units_of},
};

/// A step in the life of an asset.
#[derive(Clone, Debug)]
pub struct ChangeAsset {
    /// The item.
    pub item_id: Code,
    /// Serial number as printed.
    pub serial_number: Label,
    /// Which step.
    pub step: Step,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

/// What happens to an asset.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is installed where it stands.
    Install {
        /// Who answers for it where the site lacks what it needs.
        fit_override: Option<FitOverride>,
    },
    /// It is taken down and put back into the store.
    Remove,
    /// It is put into another one, and is from then on where that one is.
    PutInside {
        /// The item of the other one.
        item_id: Code,
        /// Serial number of the other one.
        serial_number: Label,
    },
    /// It is taken out of what it is inside.
    TakeOut,
    /// It is put into service.
    PutIntoService {
        /// What it was measured to give.
        output: Option<MeasuredOutput>,
        /// Who was taught to run it.
        trained_user_refs: Vec<Label>,
        /// Day on which it is due for service.
        service_due_on: Option<NaiveDate>,
    },
    /// It is out of order.
    BreakDown {
        /// What is wrong with it.
        fault: AssetFault,
    },
    /// It works again, though nobody repaired it.
    Recover,
    /// Somebody repairs it from now on.
    SendForRepair {
        /// Who.
        repairer_id: Code,
        /// Whether where it stands.
        on_site: bool,
        /// Day on which it is expected to be done.
        expected_on: Option<NaiveDate>,
    },
    /// The repair has ended.
    EndRepair {
        /// What came of it.
        outcome: RepairOutcome,
        /// What it was measured to give.
        output: Option<MeasuredOutput>,
        /// Day on which it is due for service.
        service_due_on: Option<NaiveDate>,
    },
    /// It was serviced.
    Service {
        /// What it was measured to give.
        output: Option<MeasuredOutput>,
        /// Day on which it is due next.
        service_due_on: Option<NaiveDate>,
    },
    /// It is lent.
    Lend {
        /// To whom.
        borrower_id: Code,
        /// Day on which it is due back.
        due_on: NaiveDate,
    },
    /// It came back from a loan.
    EndLoan {
        /// What is wrong with it, if anything.
        fault: Option<AssetFault>,
    },
    /// A container was filled.
    Fill {
        /// Who filled it; `None` means the facility.
        filler_id: Option<Code>,
    },
    /// A container is empty.
    Empty,
    /// It is never to be used again.
    Retire {
        /// Why.
        reason: AssetRetirementReason,
    },
}

/// Where an asset must be, and in which condition, for a step.
struct Needs {
    places: &'static [AssetPlace],
    conditions: &'static [AssetCondition],
}

/// What a step asks of the stock that the unit is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stock {
    /// Nothing.
    Any,
    /// That nothing speaks against using it: not held, not recalled.
    Usable,
    /// That no shipment claims it.
    Unclaimed,
    /// Both.
    Free,
}

impl Step {
    fn needs(&self) -> Needs {
        use AssetCondition::{Identified, InService, OutOfOrder, UnderRepair};
        use AssetPlace::{Facility, Inside, Installed, Lent, Repairer};
        let (places, conditions): (&[_], &[_]) = match self {
            Self::Install { .. } | Self::Lend { .. } => (&[Facility], &[Identified, InService]),
            Self::Remove => (&[Installed], &[Identified, InService, OutOfOrder]),
            Self::TakeOut => (&[Inside], &[Identified, InService, OutOfOrder]),
            Self::PutIntoService { .. } => (&[Facility, Installed, Inside], &[Identified]),
            Self::BreakDown { .. } | Self::Service { .. } | Self::Fill { .. } | Self::Empty => (
                &[Facility, Installed, Lent, Inside],
                &[Identified, InService],
            ),
            Self::Recover | Self::SendForRepair { on_site: true, .. } => {
                (&[Facility, Installed, Lent, Inside], &[OutOfOrder])
            }
            Self::SendForRepair { on_site: false, .. } => (&[Facility], &[OutOfOrder]),
            Self::EndRepair { .. } => (
                &[Facility, Installed, Lent, Repairer, Inside],
                &[UnderRepair],
            ),
            Self::EndLoan { .. } => (&[Lent], &[Identified, InService, OutOfOrder, UnderRepair]),
            Self::PutInside { .. } | Self::Retire { .. } => {
                (&[Facility], &[Identified, InService, OutOfOrder])
            }
        };
        Needs { places, conditions }
    }

    fn stock(&self) -> Stock {
        match self {
            Self::Install { .. } | Self::Lend { .. } | Self::PutInside { .. } => Stock::Free,
            Self::PutIntoService { .. } => Stock::Usable,
            Self::Retire { .. } | Self::SendForRepair { on_site: false, .. } => Stock::Unclaimed,
            _ => Stock::Any,
        }
    }

    /// The organisation that it names, and whether it must still be in use.
    fn organisation(&self) -> Option<&Code> {
        match self {
            Self::SendForRepair { repairer_id, .. } => Some(repairer_id),
            Self::Lend { borrower_id, .. } => Some(borrower_id),
            Self::Fill { filler_id } => filler_id.as_ref(),
            _ => None,
        }
    }

    /// A day that must not have passed, and its field.
    fn due(&self) -> Option<(&'static str, NaiveDate)> {
        match self {
            Self::PutIntoService { service_due_on, .. }
            | Self::EndRepair { service_due_on, .. }
            | Self::Service { service_due_on, .. } => Some(("service_due_on", (*service_due_on)?)),
            Self::SendForRepair { expected_on, .. } => Some(("expected_on", (*expected_on)?)),
            Self::Lend { due_on, .. } => Some(("due_on", *due_on)),
            _ => None,
        }
    }
}

impl Command for ChangeAsset {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![self.boundary(), Boundary::Item(self.item_id.clone())];
        boundaries.extend(
            self.step
                .organisation()
                .cloned()
                .map(Boundary::Organisation),
        );
        if let Step::PutInside {
            item_id,
            serial_number,
        } = &self.step
        {
            boundaries.push(Boundary::Asset(item_id.clone(), serial_number.clone()));
        }
        if let Some(asset) = self.asset(books) {
            boundaries.extend(self.reads_around(books, asset));
            let item = books.item(&self.item_id);
            if let (Step::Install { .. }, Some(item)) = (&self.step, item) {
                boundaries.extend(fit::reads(item, &asset.facility_id));
            }
            boundaries.extend(Boundary::facility(&asset.facility_id));
            boundaries.extend(Boundary::stock(&asset.facility_id, &self.item_id));
            let claims = contents::lot_of(books, asset).map(|lot| self.claims_to_it(lot));
            boundaries.extend(claims::reads(books, &claims.unwrap_or_default()));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let item = existing_item(books, &self.item_id)?;
        let asset = self.asset(books).ok_or_else(|| Rejection::UnknownAsset {
            item_id: self.item_id.to_string(),
            serial_number: self.serial_number.to_string(),
        })?;
        if let Some(id) = self.step.organisation() {
            existing_organisation(books, id)?;
        }
        let outer = self.outer(books)?;
        self.check_state(asset)?;
        self.check_around(books, asset, outer)?;
        let facility = existing_facility(books, &asset.facility_id)?;
        if let Some(id) = self.step.organisation() {
            in_use(books, &[Boundary::Organisation(id.clone())], moment)?;
        }
        let day = facility_day(facility, moment.occurred_at_us);
        self.check_day(day)?;
        let is_refill = matches!(self.step, Step::Fill { .. } | Step::Empty);
        if is_refill && !item.refillable() {
            return Err(Rejection::NotRefillable {
                item_id: item.item_id.clone(),
            });
        }
        self.check_documents()?;
        let mut fit_problems = Vec::new();
        if let Step::Install { fit_override } = &self.step {
            fit_problems = if moment.is_past() {
                fit::problems(books, item, facility, day)
            } else {
                fit::check_use(books, item, facility, day, fit_override.as_ref())?
            };
        }
        // The books say that it is in this facility's stock.
        let lot = contents::lot_of(books, asset).ok_or_else(|| self.elsewhere(asset))?;
        if !moment.is_past() {
            self.check_stock(asset, lot)?;
        }
        if let Some(outer) = outer {
            contents::check_nesting(books, asset, outer)?;
        }
        if matches!(self.step, Step::Lend { .. }) && !moment.is_past() {
            contents::check_usable(books, asset)?;
        }
        let serial_numbers = vec![self.serial_number.to_string()];
        let units = units_of(&self.item_id, lot, 1, serial_numbers);
        let claims = self.claims(lot, moment);
        let reason = ReleaseReason::StockHeld;
        let mut events = claims::give_up(books, &asset.facility_id, &claims, &units, reason)?;
        let event = self.event(asset, units.clone(), &fit_problems);
        let mut after = asset.clone();
        after.evolve(&self.boundary(), &event);
        events.push(event);
        events.extend(set_apart_or_not(asset, &after, lot, units));
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(self.boundary())
    }
}

impl ChangeAsset {
    fn boundary(&self) -> Boundary {
        Boundary::Asset(self.item_id.clone(), self.serial_number.clone())
    }

    fn asset<'a>(&self, books: &'a Books) -> Option<&'a Asset> {
        books.asset(&self.item_id, &self.serial_number)
    }

    /// What must be read of the assets around it and inside it.
    fn reads_around(&self, books: &Books, asset: &Asset) -> Vec<Boundary> {
        let mut boundaries = Vec::new();
        let mut innermost = asset;
        if let Step::PutInside {
            item_id,
            serial_number,
        } = &self.step
        {
            let Some(outer) = books.asset(item_id, serial_number) else {
                return boundaries;
            };
            innermost = outer;
        }
        if matches!(self.step, Step::PutInside { .. } | Step::TakeOut) {
            let path = contents::path(books, innermost);
            let around = path.iter().filter_map(|it| it.inside.as_ref());
            boundaries
                .extend(around.filter_map(|it| Boundary::asset(&it.item_id, &it.serial_number)));
            if let Some(root) = path.last() {
                boundaries.extend(Boundary::stock(&root.facility_id, &root.item_id));
                boundaries.extend(contents::reads(books, root));
            }
        }
        if matches!(self.step, Step::PutInside { .. } | Step::Lend { .. }) {
            boundaries.extend(contents::reads(books, asset));
        }
        boundaries
    }

    /// The asset into which it is put; `None` where it is put into none.
    fn outer<'a>(&self, books: &'a Books) -> Result<Option<&'a Asset>, Rejection> {
        let Step::PutInside {
            item_id,
            serial_number,
        } = &self.step
        else {
            return Ok(None);
        };
        match books.asset(item_id, serial_number) {
            Some(outer) => Ok(Some(outer)),
            None => Err(Rejection::UnknownAsset {
                item_id: item_id.to_string(),
                serial_number: serial_number.to_string(),
            }),
        }
    }

    /// Refuses what the assets around it, or inside it, do not allow.
    fn check_around(
        &self,
        books: &Books,
        asset: &Asset,
        outer: Option<&Asset>,
    ) -> Result<(), Rejection> {
        use AssetCondition::{Identified, InService, OutOfOrder, UnderRepair};
        const USED: &[AssetCondition] = &[Identified, InService, OutOfOrder, UnderRepair];
        match self.step {
            Step::Retire { .. } => return contents::check_empty(asset),
            Step::PutInside { .. } | Step::TakeOut => {}
            _ => return Ok(()),
        }
        for around in contents::path(books, outer.unwrap_or(asset)) {
            let (place, condition) = state_of(around);
            let is_root = around.inside.is_none();
            if is_root && !(contents::OPEN.contains(&place) && USED.contains(&condition)) {
                return Err(super::wrong_state(around, contents::OPEN, USED));
            }
        }
        match outer {
            Some(outer) if outer.facility_id != asset.facility_id => Err(Rejection::AssetNesting {
                item_id: self.item_id.to_string(),
                serial_number: self.serial_number.to_string(),
                inside_item_id: outer.item_id.clone(),
                inside_serial_number: outer.serial_number.clone(),
                why: format!(
                    "it is at facility {}, and that one at {}; bring them together first",
                    asset.facility_id, outer.facility_id
                ),
            }),
            _ => Ok(()),
        }
    }

    /// The claims that break: what is out of order must not go, nor what was put to use some time ago.
    fn claims(&self, lot: &StockLot, moment: Moment) -> Vec<claims::BrokenClaim> {
        let takes_it_away = matches!(self.step.stock(), Stock::Unclaimed | Stock::Free);
        match self.step {
            Step::BreakDown { .. } | Step::Empty => self.claims_to_it(lot),
            _ if takes_it_away && moment.is_past() => self.claims_to_it(lot),
            _ => Vec::new(),
        }
    }

    fn claims_to_it(&self, lot: &StockLot) -> Vec<claims::BrokenClaim> {
        claims::broken(lot, 0, &[self.serial_number.to_string()])
    }

    fn check_state(&self, asset: &Asset) -> Result<(), Rejection> {
        let Needs { places, conditions } = self.step.needs();
        let (place, condition) = state_of(asset);
        let is_travelling = self.step.stock() == Stock::Free && !asset.trip_id.is_empty();
        if places.contains(&place) && conditions.contains(&condition) && !is_travelling {
            return Ok(());
        }
        Err(super::wrong_state(asset, places, conditions))
    }

    fn elsewhere(&self, asset: &Asset) -> Rejection {
        let Needs { places, conditions } = self.step.needs();
        super::wrong_state(asset, places, conditions)
    }

    /// Refuses a day that has passed.
    fn check_day(&self, today: NaiveDate) -> Result<(), Rejection> {
        match self.step.due() {
            Some((field, day)) if day < today => Err(Rejection::DueDayPassed {
                field: field.to_owned(),
                day: day.to_string(),
                today: today.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Nothing is put into service without an act.
    fn check_documents(&self) -> Result<(), Rejection> {
        let needed = DocumentKind::AcceptanceAct;
        let is_there = self.documents.iter().any(|it| it.kind() == needed);
        if !is_there && matches!(self.step, Step::PutIntoService { .. }) {
            return Err(Rejection::DecisionRequired {
                needed: "ACCEPTANCE_ACT".to_owned(),
            });
        }
        Ok(())
    }

    fn check_stock(&self, asset: &Asset, lot: &StockLot) -> Result<(), Rejection> {
        let needed = self.step.stock();
        let number = self.serial_number.to_string();
        let is_blocked = lot.recall.is_some() || !lot.hold_reasons.is_empty();
        let is_held = lot.serial_numbers_held_here.contains(&number) && !asset.set_apart;
        if matches!(needed, Stock::Usable | Stock::Free) && (is_blocked || is_held) {
            return Err(Rejection::AssetHeld {
                item_id: self.item_id.to_string(),
                serial_number: number,
                batch_id: lot.batch_id.clone(),
            });
        }
        let claim = lot
            .reservations
            .iter()
            .find(|claim| claim.serial_numbers.contains(&number));
        match claim {
            Some(claim) if matches!(needed, Stock::Unclaimed | Stock::Free) => {
                Err(Rejection::SerialNumberReserved {
                    field: "serial_number".to_owned(),
                    item_id: self.item_id.to_string(),
                    serial_number: number,
                    shipment_id: claim.shipment_id.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each step")]
    fn event(&self, asset: &Asset, units: StockUnits, fit_problems: &[FitProblem]) -> Event {
        let facility_id = asset.facility_id.clone();
        let units = Some(units);
        let documents = self.documents.clone();
        match &self.step {
            Step::Install { fit_override } => AssetInstalled {
                facility_id,
                units,
                fit_problems: fit_problems.iter().map(|it| (*it).into()).collect(),
                fit_override: fit::needed(fit_override.as_ref(), fit_problems),
                documents,
            }
            .into(),
            Step::Remove => AssetRemoved {
                facility_id,
                units,
                documents,
            }
            .into(),
            Step::PutInside {
                item_id,
                serial_number,
            } => AssetPutInside {
                facility_id,
                units,
                inside: Some(AssetRef {
                    item_id: item_id.to_string(),
                    serial_number: serial_number.to_string(),
                }),
                documents,
            }
            .into(),
            Step::TakeOut => AssetTakenOut {
                facility_id,
                units,
                inside: asset.inside.clone(),
                documents,
            }
            .into(),
            Step::PutIntoService {
                output,
                trained_user_refs,
                service_due_on,
            } => AssetPutIntoService {
                facility_id,
                units,
                output: output.clone(),
                trained_user_refs: trained_user_refs.iter().map(Label::to_string).collect(),
                service_due_on: calendar::stored(*service_due_on),
                documents,
            }
            .into(),
            Step::BreakDown { fault } => AssetConditionReported {
                facility_id,
                units,
                condition: AssetCondition::OutOfOrder.into(),
                fault: Some((*fault).into()),
                documents,
            }
            .into(),
            Step::Recover => AssetConditionReported {
                facility_id,
                units,
                condition: AssetCondition::InService.into(),
                fault: None,
                documents,
            }
            .into(),
            Step::SendForRepair {
                repairer_id,
                on_site,
                expected_on,
            } => AssetSentForRepair {
                facility_id,
                units,
                repair: Some(AssetRepair {
                    repairer_id: repairer_id.to_string(),
                    on_site: *on_site,
                    expected_on: calendar::stored(*expected_on),
                }),
                documents,
            }
            .into(),
            Step::EndRepair {
                outcome,
                output,
                service_due_on,
            } => AssetRepairEnded {
                facility_id,
                units,
                outcome: (*outcome).into(),
                output: output.clone(),
                service_due_on: calendar::stored(*service_due_on),
                documents,
            }
            .into(),
            Step::Service {
                output,
                service_due_on,
            } => AssetServiced {
                facility_id,
                units,
                output: output.clone(),
                service_due_on: calendar::stored(*service_due_on),
                documents,
            }
            .into(),
            Step::Lend {
                borrower_id,
                due_on,
            } => AssetLent {
                facility_id,
                units,
                loan: Some(AssetLoan {
                    borrower_id: borrower_id.to_string(),
                    due_on: due_on.to_string(),
                    documents,
                }),
            }
            .into(),
            Step::EndLoan { fault } => AssetLoanEnded {
                facility_id,
                units,
                fault: fault.map(Into::into),
                documents,
            }
            .into(),
            Step::Fill { filler_id } => ContainerFilled {
                facility_id,
                units,
                filler_id: filler_id.as_ref().map(Code::to_string).unwrap_or_default(),
                documents,
            }
            .into(),
            Step::Retire { reason } => AssetRetired {
                facility_id,
                units,
                reason: (*reason).into(),
                documents,
            }
            .into(),
            Step::Empty => ContainerEmptied { facility_id, units }.into(),
        }
    }
}

/// What is not free is held, as long as it is not; what somebody holds for another reason stays so.
pub(crate) fn set_apart_or_not(
    before: &Asset,
    after: &Asset,
    lot: &StockLot,
    units: StockUnits,
) -> Option<Event> {
    let number = slice::from_ref(&before.serial_number);
    let is_held = lot
        .serial_numbers_held_here
        .iter()
        .any(|held| number.contains(held));
    let facility_id = before.facility_id.clone();
    if is_free(after) && before.set_apart {
        return Some(
            StockReleased {
                facility_id,
                units: Some(units),
                ..StockReleased::default()
            }
            .into(),
        );
    }
    (!is_free(after) && !is_held).then(|| {
        StockHeld {
            facility_id,
            units: Some(units),
            reason: HoldReason::AssetState.into(),
            documents: Vec::new(),
        }
        .into()
    })
}

//! The loss of an asset that is in a facility's books is settled by a signed act: what is inside it is lost with it, and
//! whoever had it is named. One that a count did not find, or that was adjusted away, is settled later.

use keruen_proto::{
    Event,
    inventory::v1::{
        AdjustmentReason, Asset, AssetLoss, AssetLossAccepted, AssetLossVerdict, AssetPlace,
        StockUnits,
    },
    registry::v1::{DocumentKind, DocumentRef},
};

use super::contents;
use crate::{
    books::Books,
    boundary::Boundary,
    code::{Code, Label, Quantity},
    command::{Command, Moment},
    keeper::answerable,
    limits,
    registry::existing_facility,
    rejection::Rejection,
    stock::{AdjustStock, Change, pick::units_of},
};

/// Settles the loss of an asset.
#[derive(Clone, Debug)]
pub struct AcceptAssetLoss {
    /// The item.
    pub item_id: Code,
    /// Serial number as printed.
    pub serial_number: Label,
    /// The act.
    pub act: DocumentRef,
    /// Who answers for it.
    pub verdict: AssetLossVerdict,
    /// Whether it was stolen.
    pub stolen: bool,
}

/// Where the loss of an asset can be settled, for people.
const SETTLED_FROM: &[AssetPlace] = &[
    AssetPlace::Facility,
    AssetPlace::Installed,
    AssetPlace::Lent,
    AssetPlace::Repairer,
    AssetPlace::Inside,
    AssetPlace::Lost,
];

impl AcceptAssetLoss {
    fn asset<'a>(&self, books: &'a Books) -> Option<&'a Asset> {
        books.asset(&self.item_id, &self.serial_number)
    }

    /// What takes it off the books of its facility; `None` where it has left them.
    fn decrease(&self, asset: &Asset) -> Option<AdjustStock> {
        if asset.place() == AssetPlace::Lost {
            return None;
        }
        let reason = if self.stolen {
            AdjustmentReason::Stolen
        } else {
            AdjustmentReason::Lost
        };
        Some(AdjustStock {
            facility_id: Code::parse(&asset.facility_id).ok()?,
            batch_id: Code::parse(&asset.batch_id).ok()?,
            owner_id: Code::parse(&asset.owner_id).ok(),
            change: Change::Decrease(Quantity::parse(1).ok()?),
            serial_numbers: vec![self.serial_number.clone()],
            reason,
            documents: vec![self.act.clone()],
        })
    }

    fn check_act(&self) -> Result<(), Rejection> {
        let kind = self.act.kind();
        if kind == DocumentKind::LossAct {
            return Ok(());
        }
        let given = kind.as_str_name();
        Err(Rejection::NotALossAct {
            given: given.trim_start_matches("DOCUMENT_KIND_").to_owned(),
        })
    }

    fn accepted(&self, asset: &Asset, holder_id: String, units: StockUnits) -> Event {
        AssetLossAccepted {
            facility_id: asset.facility_id.clone(),
            units: Some(units),
            loss: Some(AssetLoss {
                act: Some(self.act.clone()),
                verdict: self.verdict.into(),
                holder_id,
            }),
        }
        .into()
    }
}

/// Who has an asset that is in the books of a facility: whoever repairs or borrowed it, or else answers for what is there.
fn holder(books: &Books, asset: &Asset) -> Option<String> {
    let lent = asset.loan.as_ref().map(|loan| &loan.borrower_id);
    let repairer = asset.repair.as_ref().filter(|repair| !repair.on_site);
    let away = repairer.map(|repair| &repair.repairer_id).or(lent);
    away.cloned()
        .or_else(|| answerable(books, &asset.facility_id))
}

impl Command for AcceptAssetLoss {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Asset(self.item_id.clone(), self.serial_number.clone()),
            Boundary::Item(self.item_id.clone()),
        ];
        if let Some(asset) = self.asset(books) {
            boundaries.extend(Boundary::facility(&asset.facility_id));
            boundaries.extend(Boundary::keeper(&asset.facility_id));
            boundaries.extend(Boundary::batch(&asset.batch_id));
            let decrease = self.decrease(asset);
            boundaries.extend(decrease.into_iter().flat_map(|it| it.reads(books)));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let asset = self.asset(books).ok_or_else(|| Rejection::UnknownAsset {
            item_id: self.item_id.to_string(),
            serial_number: self.serial_number.to_string(),
        })?;
        existing_facility(books, &asset.facility_id)?;
        let number = vec![asset.serial_number.clone()];
        let lot = contents::lot_of(books, asset);
        let units = match (lot, asset.place()) {
            (Some(lot), _) => units_of(&asset.item_id, lot, 1, number),
            (None, AssetPlace::Lost) if asset.loss.is_none() => units_gone(books, asset, number),
            _ => return Err(super::wrong_state(asset, SETTLED_FROM, USED)),
        };
        self.check_act()?;
        let holder_id = holder(books, asset).unwrap_or_default();
        let mut events = vec![self.accepted(asset, holder_id, units)];
        if let Some(decrease) = self.decrease(asset) {
            events.extend(decrease.decide(books, moment)?);
        }
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Asset(
            self.item_id.clone(),
            self.serial_number.clone(),
        ))
    }
}

/// Every condition: what is lost may have been in any.
const USED: &[keruen_proto::inventory::v1::AssetCondition] = {
    use keruen_proto::inventory::v1::AssetCondition::{
        Identified, InService, OutOfOrder, Retired, UnderRepair,
    };
    &[Identified, InService, OutOfOrder, UnderRepair, Retired]
};

/// One unit of the batch of an asset that is in no facility's stock any more.
fn units_gone(books: &Books, asset: &Asset, serial_numbers: Vec<String>) -> StockUnits {
    let batch = books.batch(&asset.batch_id);
    StockUnits {
        batch_id: asset.batch_id.clone(),
        donation_id: asset.donation_id.clone(),
        item_id: asset.item_id.clone(),
        owner_id: asset.owner_id.clone(),
        lot: batch.map(|batch| batch.lot.clone()).unwrap_or_default(),
        expires_on: batch
            .map(|batch| batch.expires_on.clone())
            .unwrap_or_default(),
        quantity: 1,
        serial_numbers,
    }
}

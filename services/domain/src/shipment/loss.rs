//! Units are lost on their way, and what is missing is settled by a loss act.

use std::collections::BTreeMap;

use keruen_proto::{
    Event,
    registry::v1::{DocumentKind, DocumentRef},
    shipments::v1::{
        LossActAccepted, LossCause, Shipment, ShipmentLossReported, ShipmentLot, ShipmentUnits,
    },
};

use super::{AcceptLossAct, Pick, existing, journey::check_on_the_way, pick, reads};
use crate::{
    asset::contents,
    books::Books,
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    limits,
    rejection::Rejection,
};

/// Records that units were lost on their way.
#[derive(Clone, Debug)]
pub struct ReportLoss {
    /// The shipment.
    pub shipment_id: Code,
    /// What is lost; `None` means everything that is on its way.
    pub units: Option<Vec<Pick>>,
    /// How.
    pub cause: LossCause,
    /// Police report and so on.
    pub documents: Vec<DocumentRef>,
}

impl Command for ReportLoss {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        if let Some(shipment) = books.shipment(&self.shipment_id) {
            boundaries.extend(contents::reads_of_receipt(shipment));
        }
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        check_on_the_way(shipment)?;
        let mut units = match &self.units {
            Some(picks) => pick::taken("units", shipment, picks, pick::on_the_way)?,
            None => pick::everything(shipment, pick::on_the_way),
        };
        if units.is_empty() {
            return Err(Rejection::NothingInTransit {
                shipment_id: shipment.shipment_id.clone(),
                missing: shipment.lots.iter().map(|lot| lot.missing).sum(),
            });
        }
        units.extend(contents::go_along(books, shipment, &units));
        limits::keep(vec![
            ShipmentLossReported {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                units,
                cause: self.cause.into(),
                liable_id: shipment.custodian_id.clone(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

impl Command for AcceptLossAct {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.shipment_id)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        if self.act.kind() != DocumentKind::LossAct {
            let given = self
                .act
                .kind()
                .as_str_name()
                .trim_start_matches("DOCUMENT_KIND_")
                .to_owned();
            return Err(Rejection::NotALossAct { given });
        }
        let by_liable = self.missing(shipment);
        if by_liable.is_empty() {
            return Err(Rejection::NothingMissing {
                shipment_id: self.shipment_id.to_string(),
            });
        }
        let events = by_liable.into_iter().map(|(liable_id, units)| {
            LossActAccepted {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                units,
                act: Some(self.act.clone()),
                verdict: self.verdict.into(),
                custodian_id: liable_id.to_owned(),
            }
            .into()
        });
        limits::keep(events.collect())
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

impl AcceptLossAct {
    /// The missing units that the act is about, by who answers for them.
    fn missing<'a>(&self, shipment: &'a Shipment) -> BTreeMap<&'a str, Vec<ShipmentUnits>> {
        let mut by_liable: BTreeMap<&str, Vec<ShipmentUnits>> = BTreeMap::new();
        let is_meant = |lot: &&ShipmentLot| {
            let line = lot.shipment_units.as_ref().map(|units| units.line);
            let lines = self.lines.as_ref();
            // What is inside something else goes with it.
            lines.is_none_or(|lines| line.is_some_and(|line| line == 0 || lines.contains(&line)))
        };
        for lot in shipment.lots.iter().filter(is_meant) {
            for share in &lot.missing_by_liable {
                let is_theirs = |wanted: &Code| wanted.as_str() == share.liable_id;
                if !self.liable_id.as_ref().is_none_or(is_theirs) {
                    continue;
                }
                let units = pick::part(lot, share.quantity, share.serial_numbers.clone());
                by_liable.entry(&share.liable_id).or_default().extend(units);
            }
        }
        by_liable
    }
}

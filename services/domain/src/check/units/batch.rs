//! What every batch is, so that each movement says of it what its receipt said.

use keruen_proto::inventory::v1::StockUnits;

use super::Units;

/// What stays the same of a batch, whoever owns it, however many units are meant and for how long they may be used.
fn identity(units: &StockUnits) -> StockUnits {
    StockUnits {
        owner_id: String::new(),
        expires_on: String::new(),
        quantity: 0,
        serial_numbers: Vec::new(),
        ..units.clone()
    }
}

impl Units {
    /// The last day of use, as decided last.
    pub(super) fn expires_on(&self, units: &StockUnits) -> String {
        let decided = self.expiries.get(&units.batch_id);
        let last = decided.and_then(|decided| decided.last());
        last.unwrap_or(&units.expires_on).clone()
    }

    /// Every movement says of a batch what its receipt said, so that provenance is never lost.
    pub(super) fn recognise(&mut self, units: &StockUnits) {
        match self.batches.get(&units.batch_id) {
            Some(known)
                if self.is_known_lot(known, units) && self.is_known_expiry(known, units) => {}
            Some(_) => {
                let fault = format!(
                    "batch {} is not what it was when it entered the books",
                    units.batch_id
                );
                self.faults.insert(fault);
            }
            None => {
                self.faults
                    .insert(format!("batch {} never entered the books", units.batch_id));
            }
        }
    }

    /// Whether units are said to be what their batch is, or was wrongly said to be: what is under way may not know better.
    pub(super) fn is_known_lot(&self, known: &StockUnits, units: &StockUnits) -> bool {
        let wrong = self.lots.get(&units.batch_id);
        let mut said = identity(units);
        if wrong.is_some_and(|wrong| wrong.contains(&said.lot)) {
            said.lot.clone_from(&known.lot);
        }
        identity(known) == said
    }

    /// Whether units are said to expire when their batch was, or is by now: what is under way may not know better.
    pub(super) fn is_known_expiry(&self, known: &StockUnits, units: &StockUnits) -> bool {
        let decided = self.expiries.get(&units.batch_id);
        known.expires_on == units.expires_on
            || decided.is_some_and(|decided| decided.contains(&units.expires_on))
    }
}

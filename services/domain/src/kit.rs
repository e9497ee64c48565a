//! Kits: items that consist of others. They are put together of components of known batches and taken apart again, so that
//! provenance reaches into them: each kit of a batch holds the same, batch by batch.

use keruen_proto::{
    inventory::v1::{KitsBroken, StockUnits},
    registry::v1::{DocumentRef, Item},
};

use crate::code::{Code, Quantity};

mod assemble;
mod disassemble;
pub(crate) mod follow;
mod late;
mod state;

/// Puts kits together.
#[derive(Clone, Debug)]
pub struct AssembleKits {
    /// Where.
    pub facility_id: Code,
    /// The item that is a kit.
    pub item_id: Code,
    /// How many kits.
    pub quantity: Quantity,
    /// Whose components are taken; `None` means the only owner that has some there.
    pub owner_id: Option<Code>,
    /// Only of these batches; of an item of which none is named, those that expire first.
    pub batch_ids: Vec<Code>,
    /// Ids for the batches of kits, as many as there may be.
    pub kit_batch_ids: Vec<Code>,
    /// Packing list and so on.
    pub documents: Vec<DocumentRef>,
}

/// Takes kits apart.
#[derive(Clone, Debug)]
pub struct BreakKits {
    /// Where.
    pub facility_id: Code,
    /// The batch of kits.
    pub batch_id: Code,
    /// The owner; `None` means the only one that has stock of this batch there.
    pub owner_id: Option<Code>,
    /// How many; held ones go first.
    pub quantity: Quantity,
    /// Act and so on.
    pub documents: Vec<DocumentRef>,
}

/// Of units that kits held, how many are held since the kits were.
pub fn held_components(event: &KitsBroken, units: &StockUnits) -> i64 {
    let kits = event.kits.as_ref().map_or(1, |kits| kits.quantity.max(1));
    units.quantity / kits * event.held_quantity
}

/// Whether an item is a kit.
pub(crate) fn is_kit(item: &Item) -> bool {
    !item.components.is_empty()
}

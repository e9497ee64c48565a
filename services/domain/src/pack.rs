//! Quantities that are told in packs. What is recorded is told in base units: a command is carried out as if they had been
//! told so, on what the item says of its packs by then.

use keruen_proto::{Event, registry::v1::Item};

use crate::{
    books::Books,
    boundary::Boundary,
    code::{Code, MAX_QUANTITY, Quantity},
    command::{Command, Moment},
    rejection::Rejection,
};

/// What is in the pack, by ids that are parsed or not.
#[derive(Clone, Copy, Debug)]
pub enum Contents<Id = Code> {
    /// Units of an item.
    Item(Id),
    /// Units of a batch.
    Batch(Id),
    /// What a line of a shipment is about: its shipment and its number.
    ShipmentLine(Id, i32),
}

impl Contents<&str> {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Item(id) | Self::Batch(id) | Self::ShipmentLine(id, _) => id.is_empty(),
        }
    }

    /// The same by a parsed id; `None` where it is malformed.
    pub fn parse(self) -> Option<Contents> {
        Some(match self {
            Self::Item(id) => Contents::Item(Code::parse(id).ok()?),
            Self::Batch(id) => Contents::Batch(Code::parse(id).ok()?),
            Self::ShipmentLine(id, line) => Contents::ShipmentLine(Code::parse(id).ok()?, line),
        })
    }
}

/// A quantity of a command that is told in packs.
#[derive(Clone, Debug)]
pub struct InPacks {
    /// Path of the message that holds the quantity, for example `lines[2]`; empty for the request itself.
    pub path: String,
    /// Which of the command's quantities it is.
    pub index: usize,
    /// The pack.
    pub pack_id: Code,
    /// What is in it.
    pub contents: Contents,
}

/// A quantity in a command.
pub trait Amount {
    /// As it is told.
    fn told(&self) -> i64;

    /// Sets its size in base units, 0 to 2^53 − 1, and keeps whether it is more or less.
    fn set_base_units(&mut self, base_units: i64);
}

impl Amount for i64 {
    fn told(&self) -> i64 {
        *self
    }

    fn set_base_units(&mut self, base_units: i64) {
        *self = base_units;
    }
}

impl Amount for Quantity {
    fn told(&self) -> i64 {
        self.get()
    }

    fn set_base_units(&mut self, base_units: i64) {
        // A pack holds two units or more, so none of them comes to nothing.
        if let Ok(quantity) = Self::parse(base_units) {
            *self = quantity;
        }
    }
}

/// A command some quantities of which may be told in packs.
#[derive(Clone, Debug)]
pub struct Packed<C> {
    command: C,
    in_packs: Vec<InPacks>,
    amount: fn(&mut C, usize) -> Option<&mut dyn Amount>,
}

impl<C: Command + Clone> Packed<C> {
    /// The command as it is told. `amount` finds its quantities by their index.
    pub fn new(
        command: C,
        in_packs: Vec<InPacks>,
        amount: fn(&mut C, usize) -> Option<&mut dyn Amount>,
    ) -> Self {
        Self {
            command,
            in_packs,
            amount,
        }
    }

    /// The command with all quantities told in base units.
    fn unpacked(&self, books: &Books) -> Result<C, Rejection> {
        let mut command = self.command.clone();
        for told in &self.in_packs {
            let Some(amount) = (self.amount)(&mut command, told.index) else {
                continue;
            };
            let base_units = told.base_units(books, amount.told())?;
            amount.set_base_units(base_units);
        }
        Ok(command)
    }
}

impl InPacks {
    fn field(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// What must be read to know what is in the pack.
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let source = match &self.contents {
            Contents::Item(id) => Boundary::Item(id.clone()),
            Contents::Batch(id) => Boundary::Batch(id.clone()),
            Contents::ShipmentLine(id, _) => Boundary::Shipment(id.clone()),
        };
        let item = self.item_id(books).and_then(Boundary::item);
        std::iter::once(source).chain(item).collect()
    }

    fn item_id<'a>(&'a self, books: &'a Books) -> Option<&'a str> {
        match &self.contents {
            Contents::Item(id) => Some(id.as_str()),
            Contents::Batch(id) => Some(books.batch(id)?.item_id.as_str()),
            Contents::ShipmentLine(id, line) => {
                let mut lines = books.shipment(id)?.lines.iter();
                Some(lines.find(|known| known.line == *line)?.item_id.as_str())
            }
        }
    }

    fn base_units(&self, books: &Books, packs: i64) -> Result<i64, Rejection> {
        let item = self.item_id(books).and_then(|id| books.item(id));
        let known = item.map_or(&[][..], |item| &item.packs);
        let pack = known
            .iter()
            .find(|pack| pack.pack_id == self.pack_id.as_str());
        let Some(pack) = pack else {
            return Err(self.unknown(item));
        };
        let base_units = packs.checked_mul(pack.quantity);
        base_units
            .filter(|base_units| *base_units <= MAX_QUANTITY)
            .ok_or_else(|| Rejection::PacksOverflow {
                field: self.field("pack_id"),
                packs,
                pack_id: pack.pack_id.clone(),
                pack_quantity: pack.quantity,
            })
    }

    fn unknown(&self, item: Option<&Item>) -> Rejection {
        let packs = item.map_or(&[][..], |item| &item.packs);
        let known: Vec<String> = packs
            .iter()
            .map(|pack| format!("{} ({})", pack.pack_id, pack.quantity))
            .collect();
        Rejection::UnknownPack {
            field: self.field("pack_id"),
            item_id: item.map(|item| item.item_id.clone()).unwrap_or_default(),
            pack_id: self.pack_id.to_string(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        }
    }
}

impl<C: Command + Clone> Command for Packed<C> {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        if self.in_packs.is_empty() {
            return self.command.reads(books);
        }
        let mut boundaries: Vec<Boundary> = self
            .in_packs
            .iter()
            .flat_map(|told| told.reads(books))
            .collect();
        boundaries.extend(match self.unpacked(books) {
            Ok(command) => command.reads(books),
            // It will be refused; what is missing besides answers first.
            Err(_) => self.command.reads(books),
        });
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        if self.in_packs.is_empty() {
            return self.command.decide(books, moment);
        }
        match self.unpacked(books) {
            Ok(command) => command.decide(books, moment),
            Err(rejection) => match self.command.decide(books, moment) {
                Err(other) if other.stage() < rejection.stage() => Err(other),
                _ => Err(rejection),
            },
        }
    }

    fn subject(&self, books: &Books) -> Option<Boundary> {
        self.command.subject(books)
    }
}

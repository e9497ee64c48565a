//! Goods that nobody can name yet: packages that are in no books until it is known what they hold.

use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        EntryBasis, GoodsIdentified, ReceiptOutcome, UnidentifiedGoods, UnidentifiedGoodsReceived,
    },
    registry::v1::DocumentRef,
};

use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    code::{Code, Label, Quantity, UNATTRIBUTED},
    command::{Command, Moment},
    donation::{Import, ReceiptLine, ReceiveDonation},
    limits,
    registry::existing_facility,
    rejection::Rejection,
    stock::{NewStock, entry::Entry},
};

/// Records goods that nobody can name yet.
#[derive(Clone, Debug)]
pub struct ReceiveUnidentifiedGoods {
    /// Id for them.
    pub goods_id: Code,
    /// Where they arrived.
    pub facility_id: Code,
    /// How many packages.
    pub packages: Quantity,
    /// Donation that they are said to belong to.
    pub donation_id: Option<Code>,
    /// Reference to a description kept elsewhere.
    pub description_ref: Option<Label>,
    /// Waybill and so on.
    pub documents: Vec<DocumentRef>,
}

/// Says what some packages are.
#[derive(Clone, Debug)]
pub struct IdentifyGoods {
    /// The goods.
    pub goods_id: Code,
    /// How many packages were identified; `None` means all that were left.
    pub packages: Option<Quantity>,
    /// What was in them.
    pub lines: Vec<NewStock>,
    /// Donation that they belong to; `None` where nobody knows.
    pub donation_id: Option<Code>,
    /// Act of identification and so on.
    pub documents: Vec<DocumentRef>,
}

impl Fold for UnidentifiedGoods {
    const EVENT_TYPES: &'static [&'static str] =
        &[UnidentifiedGoodsReceived::TYPE, GoodsIdentified::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        let Boundary::Goods(id) = boundary else {
            return;
        };
        match event {
            Event::UnidentifiedGoodsReceived(event) if event.goods_id == id.as_str() => {
                *self = Self {
                    goods_id: event.goods_id.clone(),
                    facility_id: event.facility_id.clone(),
                    packages: event.packages,
                    donation_id: event.donation_id.clone(),
                    description_ref: event.description_ref.clone(),
                    documents: event.documents.clone(),
                    ..Self::default()
                };
            }
            Event::GoodsIdentified(event) if event.goods_id == id.as_str() => {
                self.identified_packages = self.identified_packages.saturating_add(event.packages);
                self.batch_ids.extend_from_slice(&event.batch_ids);
                self.documents.extend_from_slice(&event.documents);
            }
            _ => {}
        }
    }
}

fn existing<'a>(books: &'a Books, goods_id: &Code) -> Result<&'a UnidentifiedGoods, Rejection> {
    books
        .goods(goods_id)
        .ok_or_else(|| Rejection::UnknownGoods {
            goods_id: goods_id.to_string(),
        })
}

impl Command for ReceiveUnidentifiedGoods {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Goods(self.goods_id.clone()),
            Boundary::Facility(self.facility_id.clone()),
        ];
        boundaries.extend(self.donation_id.clone().map(Boundary::Donation));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        if books.goods(&self.goods_id).is_some() {
            return Err(Rejection::GoodsExist {
                goods_id: self.goods_id.to_string(),
            });
        }
        existing_facility(books, &self.facility_id)?;
        if let Some(donation_id) = &self.donation_id
            && books.donation(donation_id).is_none()
        {
            return Err(Rejection::UnknownDonation {
                donation_id: donation_id.to_string(),
            });
        }
        let text = |label: &Option<Label>| label.as_ref().map(Label::to_string);
        let donation_id = self.donation_id.as_ref().map(Code::to_string);
        limits::keep(vec![
            UnidentifiedGoodsReceived {
                goods_id: self.goods_id.to_string(),
                facility_id: self.facility_id.to_string(),
                packages: self.packages.get(),
                donation_id: donation_id.unwrap_or_default(),
                description_ref: text(&self.description_ref).unwrap_or_default(),
                documents: self.documents.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Goods(self.goods_id.clone()))
    }
}

/// How what was identified enters the books.
enum Receipt<'a> {
    /// As a part of its donation.
    Donated(ReceiveDonation),
    /// As goods of nobody known.
    Unattributed(Entry<'a>),
    /// There was nothing of use.
    Nothing,
}

impl Receipt<'_> {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        match self {
            Self::Donated(receipt) => receipt.reads(books),
            Self::Unattributed(entry) => entry.reads(),
            Self::Nothing => Vec::new(),
        }
    }

    fn existence(&self, books: &Books) -> Result<(), Rejection> {
        match self {
            Self::Unattributed(entry) => entry.existence(books),
            // A receipt of a donation checks all of this itself.
            Self::Donated(_) | Self::Nothing => Ok(()),
        }
    }

    fn events(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        match self {
            Self::Donated(receipt) => receipt.decide(books, moment),
            Self::Unattributed(entry) => entry.events(books, moment),
            Self::Nothing => Ok(Vec::new()),
        }
    }
}

impl IdentifyGoods {
    fn receipt<'a>(&'a self, facility_id: &'a Code) -> Receipt<'a> {
        match &self.donation_id {
            _ if self.lines.is_empty() => Receipt::Nothing,
            Some(donation_id) => Receipt::Donated(ReceiveDonation {
                donation_id: donation_id.clone(),
                facility_id: facility_id.clone(),
                lines: self.lines.iter().map(as_received).collect(),
                documents: Vec::new(),
                import: Import::default(),
            }),
            None => Receipt::Unattributed(Entry {
                facility_id,
                field: "lines",
                lines: &self.lines,
                basis: EntryBasis::Identification,
                documents: &[],
            }),
        }
    }
}

fn as_received(line: &NewStock) -> ReceiptLine {
    let outcome = if line.held {
        ReceiptOutcome::Damaged
    } else {
        ReceiptOutcome::Good
    };
    ReceiptLine {
        item_id: line.item_id.clone(),
        quantity: line.quantity,
        outcome,
        lot: line.lot.clone(),
        expires_on: line.expires_on,
        serial_numbers: line.serial_numbers.clone(),
        pledge_line: None,
        unit_value: line.unit_value.clone(),
        batch_id: line.batch_id.clone(),
    }
}

impl Command for IdentifyGoods {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![Boundary::Goods(self.goods_id.clone())];
        let goods = books.goods(&self.goods_id);
        if let Some(facility_id) = goods.and_then(|goods| Code::parse(&goods.facility_id).ok()) {
            boundaries.push(Boundary::Facility(facility_id.clone()));
            boundaries.extend(self.receipt(&facility_id).reads(books));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        let goods = existing(books, &self.goods_id)?;
        let facility = existing_facility(books, &goods.facility_id)?;
        let facility_id =
            Code::parse(&facility.facility_id).map_err(|_| Rejection::UnknownFacility {
                facility_id: facility.facility_id.clone(),
            })?;
        let receipt = self.receipt(&facility_id);
        receipt.existence(books)?;
        let left = goods.packages - goods.identified_packages;
        if left == 0 {
            return Err(Rejection::AlreadyIdentified {
                goods_id: goods.goods_id.clone(),
                packages: goods.packages,
            });
        }
        let entered = receipt.events(books, moment)?;
        let packages = self.packages.map_or(left, Quantity::get);
        if packages > left {
            return Err(Rejection::TooManyPackages {
                goods_id: goods.goods_id.clone(),
                identified: packages,
                left,
            });
        }
        let donation_id = self.donation_id.as_ref().map(Code::to_string);
        let batch_ids = self.lines.iter().map(|line| line.batch_id.to_string());
        let mut events = vec![
            GoodsIdentified {
                goods_id: goods.goods_id.clone(),
                facility_id: goods.facility_id.clone(),
                packages,
                donation_id: donation_id.unwrap_or_else(|| UNATTRIBUTED.to_owned()),
                batch_ids: batch_ids.collect(),
                documents: self.documents.clone(),
            }
            .into(),
        ];
        events.extend(entered);
        limits::keep(events)
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Goods(self.goods_id.clone()))
    }
}

//! Papers of a shipment that people print and sign: one page of HTML each, for A4, with lines for pens and a code that
//! leads back to the shipment.

mod text;

use std::{collections::BTreeSet, str::FromStr};

use askama::Template;
use keruen_proto::{
    inventory::v1::StockUnits,
    shipments::v1::{CustodyBasis, LossCause, Shipment, ShipmentLot},
};
use qrcode::{EcLevel, QrCode, render::svg};

use crate::names::{Named, Names};

pub use text::Language;
use text::Text;

/// Side of the code on paper, in CSS pixels.
const QR_PX: u32 = 132;
/// Lines for remarks.
const REMARK_LINES: usize = 4;
const GRAMS_PER_KG: i64 = 1_000;

/// Which paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// What is to be taken off the shelves.
    PickList,
    /// What goes from where to where, by whom.
    Waybill,
    /// Who hands what over to whom.
    HandOverAct,
    /// What is missing or lost, and who answers for it.
    LossAct,
    /// What was found when it was received.
    Receipt,
}

impl Document {
    /// All of them, in the order in which they are needed.
    pub const ALL: [Self; 5] = [
        Self::PickList,
        Self::Waybill,
        Self::HandOverAct,
        Self::Receipt,
        Self::LossAct,
    ];

    /// Whether there is such a paper of the shipment as it stands.
    pub fn is_of(self, shipment: &Shipment) -> bool {
        self.absence(shipment).is_none()
    }

    /// Its title.
    pub(crate) fn heading(self, language: Language) -> String {
        language.say(self.title())
    }

    fn title(self) -> Text {
        match self {
            Self::PickList => text::PICK_LIST,
            Self::Waybill => text::WAYBILL,
            Self::HandOverAct => text::HAND_OVER_ACT,
            Self::LossAct => text::LOSS_ACT,
            Self::Receipt => text::RECEIPT,
        }
    }

    /// As in file names and codes.
    pub fn slug(self) -> &'static str {
        match self {
            Self::PickList => "pick-list",
            Self::Waybill => "waybill",
            Self::HandOverAct => "hand-over-act",
            Self::LossAct => "loss-act",
            Self::Receipt => "receipt",
        }
    }

    /// Why a shipment has no such paper, if it has none.
    fn absence(self, shipment: &Shipment) -> Option<&'static str> {
        let has_left = !shipment.legs.is_empty();
        let is_short = shipment.lots.iter().any(|it| it.missing + it.lost > 0);
        match self {
            Self::PickList | Self::Waybill if !shipment.lots.iter().any(has_units) => {
                Some("nothing is allocated to it; allocate it first")
            }
            Self::HandOverAct | Self::Receipt if !has_left => {
                Some("it has not left; dispatch it first")
            }
            Self::LossAct if !is_short => Some("nothing of it is missing or lost"),
            _ => None,
        }
    }
}

fn has_units(lot: &ShipmentLot) -> bool {
    units_of(lot).is_some_and(|units| units.quantity > 0)
}

impl FromStr for Document {
    type Err = NoSuchChoice;

    fn from_str(slug: &str) -> Result<Self, NoSuchChoice> {
        let mut all = Self::ALL.into_iter();
        let known = all.find(|document| document.slug() == slug);
        known.ok_or_else(|| NoSuchChoice(slug.to_owned()))
    }
}

/// There is no such paper or language.
#[derive(Debug, thiserror::Error)]
#[error("there is no {0:?}")]
pub struct NoSuchChoice(String);

/// Why there is no such paper.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// The shipment has none.
    #[error("shipment {shipment_id} has no {document}: {why}")]
    Absent {
        /// The shipment.
        shipment_id: String,
        /// The paper.
        document: &'static str,
        /// Why.
        why: &'static str,
    },
    /// The code can't be made.
    #[error("the code of the paper can't be made: {0}")]
    Code(#[from] qrcode::types::QrError),
    /// The page can't be made.
    #[error("the paper can't be made: {0}")]
    Page(#[from] askama::Error),
}

/// The things whose names a paper of the shipment tells.
pub fn named(shipment: &Shipment) -> BTreeSet<Named> {
    let legs = shipment.legs.iter().map(|leg| &leg.custodian_id);
    let lots = shipment.lots.iter();
    let shares = lots.flat_map(|lot| lot.missing_by_liable.iter().chain(&lot.lost_by_liable));
    let reported = shipment.reported_losses.iter().map(|it| &it.liable_id);
    let organisations = legs
        .chain(shares.map(|share| &share.liable_id))
        .chain(reported)
        .chain([&shipment.sender_id, &shipment.custodian_id]);
    let units = shipment.lots.iter().filter_map(units_of);
    let lines = shipment.lines.iter().map(|line| &line.item_id);
    let items = lines.chain(units.map(|units| &units.item_id));
    let facilities = [&shipment.origin_id, &shipment.destination_id];
    let mut named = BTreeSet::new();
    let is_code = |code: &&String| !code.is_empty();
    named.extend(
        organisations
            .filter(is_code)
            .cloned()
            .map(Named::Organisation),
    );
    named.extend(items.filter(is_code).cloned().map(Named::Item));
    named.extend(
        facilities
            .into_iter()
            .filter(is_code)
            .cloned()
            .map(Named::Facility),
    );
    named
}

fn units_of(lot: &ShipmentLot) -> Option<&StockUnits> {
    lot.shipment_units.as_ref()?.units.as_ref()
}

/// A table of the paper.
struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

#[derive(Template)]
#[template(path = "paper.html")]
struct Page<'a> {
    lang: &'static str,
    /// Address of the style sheet; `None` where it stands in the page.
    style: Option<&'a str>,
    css: &'static str,
    title: String,
    shipment_label: String,
    shipment_id: String,
    code: String,
    /// Label and value.
    facts: Vec<(String, String)>,
    tables: Vec<Table>,
    /// What is ticked with a pen, and under which heading.
    ticks: Option<(String, Vec<String>)>,
    remarks: Option<String>,
    remark_lines: usize,
    signatures: Vec<String>,
    name_label: String,
    signature_label: String,
    date_label: String,
    printed: String,
}

/// How a paper looks.
const CSS: &str = include_str!("../../assets/paper.css");

/// How a paper is made.
#[derive(Clone, Copy, Debug)]
pub struct Printing<'a> {
    /// Which one.
    pub document: Document,
    /// In which language.
    pub language: Language,
    /// The day on which that is, ISO 8601.
    pub printed_on: &'a str,
    /// Address of its style sheet; `None` puts it into the page, which then needs no other file.
    pub style: Option<&'a str>,
}

/// Makes a paper. What is not among the names is told by its code.
pub fn render(
    shipment: &Shipment,
    names: &Names,
    printing: Printing<'_>,
) -> Result<String, PaperError> {
    let Printing {
        document,
        language,
        printed_on,
        style,
    } = printing;
    if let Some(why) = document.absence(shipment) {
        return Err(PaperError::Absent {
            shipment_id: shipment.shipment_id.clone(),
            document: document.slug(),
            why,
        });
    }
    let writer = Writer {
        shipment,
        language,
        names,
    };
    let say = |text: Text| language.say(text);
    let (ticks, remarks) = match document {
        Document::PickList | Document::Waybill => (None, None),
        Document::HandOverAct | Document::Receipt => (None, Some(say(text::REMARKS))),
        Document::LossAct => {
            let verdicts = [
                text::VERDICT_LIABLE,
                text::VERDICT_SHARED,
                text::VERDICT_EXONERATED,
            ];
            let ticks = (say(text::VERDICT), verdicts.map(say).to_vec());
            (Some(ticks), Some(say(text::REMARKS)))
        }
    };
    let page = Page {
        lang: language.code(),
        style,
        css: CSS,
        title: say(document.title()),
        shipment_label: say(text::SHIPMENT),
        shipment_id: shipment.shipment_id.clone(),
        code: code(shipment, document)?,
        facts: writer.facts(document),
        tables: writer.tables(document),
        ticks,
        remarks,
        remark_lines: REMARK_LINES,
        signatures: signatures(document).iter().map(|it| say(*it)).collect(),
        name_label: say(text::NAME),
        signature_label: say(text::SIGNATURE),
        date_label: say(text::DATE),
        printed: format!("{}: {printed_on}", say(text::PRINTED_ON)),
    };
    Ok(page.render()?)
}

/// What the code says: which paper of which shipment this is.
fn code_text(shipment: &Shipment, document: Document) -> String {
    format!(
        "keruen:shipment/{}/{}",
        shipment.shipment_id,
        document.slug()
    )
}

fn code(shipment: &Shipment, document: Document) -> Result<String, PaperError> {
    let text = code_text(shipment, document);
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let picture = code
        .render::<svg::Color<'_>>()
        .min_dimensions(QR_PX, QR_PX)
        .build();
    // Within a page it stands without the head of a file.
    let begin = picture.find("<svg").unwrap_or_default();
    Ok(picture[begin..].to_owned())
}

/// Who signs.
fn signatures(document: Document) -> &'static [Text] {
    match document {
        Document::PickList => &[text::PICKED_BY, text::CHECKED_BY],
        Document::Waybill => &[text::HANDED_OVER, text::CARRIED_BY, text::TAKEN_OVER],
        Document::HandOverAct => &[text::HANDED_OVER, text::TAKEN_OVER],
        Document::LossAct => &[text::COMMISSION, text::COMMISSION, text::COMMISSION],
        Document::Receipt => &[text::CARRIED_BY, text::TAKEN_OVER],
    }
}

/// Writes the parts of a paper.
struct Writer<'a> {
    shipment: &'a Shipment,
    language: Language,
    names: &'a Names,
}

impl Writer<'_> {
    fn say(&self, text: Text) -> String {
        self.language.say(text)
    }

    fn organisation(&self, id: &str) -> String {
        self.name(&Named::Organisation(id.to_owned()), id)
    }

    fn facility(&self, id: &str) -> String {
        self.name(&Named::Facility(id.to_owned()), id)
    }

    fn item(&self, id: &str) -> String {
        self.name(&Named::Item(id.to_owned()), id)
    }

    /// A name with its code; the code alone where there is no name.
    fn name(&self, named: &Named, id: &str) -> String {
        let name = self.language.name(self.names.get(named));
        if name.is_empty() || name == id {
            id.to_owned()
        } else {
            format!("{name} ({id})")
        }
    }

    fn facts(&self, document: Document) -> Vec<(String, String)> {
        let shipment = self.shipment;
        let leg = shipment.legs.last();
        let mut facts = vec![
            (text::FROM, self.facility(&shipment.origin_id)),
            (text::TO, self.facility(&shipment.destination_id)),
            (text::SENDER, self.organisation(&shipment.sender_id)),
        ];
        if document == Document::HandOverAct {
            let before = shipment.legs.iter().rev().nth(1);
            let giver = before.map_or(&shipment.sender_id, |leg| &leg.custodian_id);
            facts.push((text::GAVE, self.organisation(giver)));
            facts.push((text::TOOK, self.organisation(&shipment.custodian_id)));
        } else {
            facts.push((text::CARRIER, self.organisation(&shipment.custodian_id)));
        }
        if let Some(leg) = leg.filter(|_| document != Document::PickList) {
            let basis = match leg.basis.map(CustodyBasis::try_from) {
                Some(Ok(CustodyBasis::Sealed)) => self.say(text::BASIS_SEALED),
                Some(Ok(CustodyBasis::Counted)) => self.say(text::BASIS_COUNTED),
                _ => String::new(),
            };
            facts.push((text::SIGNED, leg.signed_by_ref.clone()));
            facts.push((text::BASIS, basis));
            facts.push((text::AGREEMENT, leg.agreement_id.clone()));
        }
        facts.push((text::EXPECTED_ON, shipment.expected_on.clone()));
        facts.retain(|(_, value)| !value.is_empty());
        let facts = facts.into_iter();
        facts
            .map(|(label, value)| (self.say(label), value))
            .collect()
    }

    fn tables(&self, document: Document) -> Vec<Table> {
        match document {
            Document::PickList => vec![self.goods(&[text::PICKED], |_| vec![String::new()])],
            Document::Waybill => self.with_parcels(self.goods(&[], |_| Vec::new())),
            Document::HandOverAct => self.with_parcels(self.goods(&[], |_| Vec::new())),
            Document::LossAct => {
                let mut tables = vec![self.losses(), self.reported()];
                tables.retain(|table| !table.rows.is_empty());
                tables
            }
            Document::Receipt => {
                // Until somebody has looked, there is room for a pen.
                let counts = |lot: &ShipmentLot| {
                    let number = |number: i64| match number {
                        0 if lot.in_transit > 0 => String::new(),
                        number => number.to_string(),
                    };
                    vec![
                        number(lot.received_good),
                        number(lot.received_unusable),
                        number(lot.missing),
                        number(lot.lost),
                    ]
                };
                let columns = [text::GOOD, text::UNUSABLE, text::MISSING, text::LOST];
                self.with_parcels(self.goods(&columns, counts))
            }
        }
    }

    fn with_parcels(&self, goods: Table) -> Vec<Table> {
        let parcels = self.parcels();
        if parcels.rows.is_empty() {
            vec![goods]
        } else {
            vec![goods, parcels]
        }
    }

    /// What is in the shipment, lot by lot, with further columns.
    fn goods(&self, more: &[Text], cells: impl Fn(&ShipmentLot) -> Vec<String>) -> Table {
        let columns = [
            text::ITEM,
            text::BATCH,
            text::LOT,
            text::USE_BY,
            text::SERIALS,
            text::QUANTITY,
        ];
        let columns = columns.iter().chain(more).map(|it| self.say(*it));
        let lots = self.shipment.lots.iter().filter_map(|lot| {
            // All of it passed to another owner, or goes on in another shipment.
            let units = units_of(lot).filter(|units| units.quantity > 0)?;
            let mut row = vec![
                self.item(&units.item_id),
                units.batch_id.clone(),
                units.lot.clone(),
                units.expires_on.clone(),
                units.serial_numbers.join(", "),
                units.quantity.to_string(),
            ];
            row.extend(cells(lot));
            Some(row)
        });
        self.numbered(text::GOODS, columns.collect(), lots.collect())
    }

    fn parcels(&self) -> Table {
        let columns = [
            text::SSCC,
            text::SEAL,
            text::CONTENTS,
            text::WEIGHT,
            text::SEAL_INTACT,
            text::SEAL_BROKEN,
        ];
        let parcels = self.shipment.parcels.iter();
        let rows = parcels.filter_map(|it| it.parcel.as_ref()).map(|parcel| {
            let contents = parcel.contents.iter().filter_map(|it| it.units.as_ref());
            let contents = contents.map(|it| format!("{} × {}", it.item_id, it.quantity));
            vec![
                parcel.sscc.clone(),
                parcel.seal_number.clone(),
                contents.collect::<Vec<_>>().join(", "),
                kilograms(parcel.weight_g),
                String::new(),
                String::new(),
            ]
        });
        let columns = columns.map(|it| self.say(it)).to_vec();
        self.numbered(text::PARCELS, columns, rows.collect())
    }

    /// What is missing and what is lost, by who answers for it.
    fn losses(&self) -> Table {
        let columns = [
            text::ITEM,
            text::BATCH,
            text::SENT,
            text::MISSING,
            text::LOST,
            text::LIABLE,
        ];
        let mut rows = Vec::new();
        for lot in &self.shipment.lots {
            let Some(units) = units_of(lot) else {
                continue;
            };
            let row = |missing: i64, lost: i64, liable: String| {
                vec![
                    self.item(&units.item_id),
                    units.batch_id.clone(),
                    units.quantity.to_string(),
                    missing.to_string(),
                    lost.to_string(),
                    liable,
                ]
            };
            for share in &lot.missing_by_liable {
                rows.push(row(share.quantity, 0, self.organisation(&share.liable_id)));
            }
            let mut untold = lot.lost;
            for share in &lot.lost_by_liable {
                rows.push(row(0, share.quantity, self.organisation(&share.liable_id)));
                untold -= share.quantity;
            }
            if untold > 0 {
                rows.push(row(0, untold, String::new()));
            }
        }
        let columns = columns.map(|it| self.say(it)).to_vec();
        self.numbered(text::GOODS, columns, rows)
    }

    /// How it was lost, where that was reported on the way.
    fn reported(&self) -> Table {
        let columns = [
            text::ITEM,
            text::BATCH,
            text::QUANTITY,
            text::CAUSE,
            text::LIABLE,
        ];
        let rows = self.shipment.reported_losses.iter().filter_map(|loss| {
            let units = loss.units.as_ref()?.units.as_ref()?;
            Some(vec![
                self.item(&units.item_id),
                units.batch_id.clone(),
                units.quantity.to_string(),
                cause(loss.cause()).map_or_else(String::new, |it| self.say(it)),
                self.organisation(&loss.liable_id),
            ])
        });
        let rows = rows.collect();
        let columns = columns.map(|it| self.say(it)).to_vec();
        self.numbered(text::REPORTED, columns, rows)
    }

    /// With the number of each row before it.
    fn numbered(&self, title: Text, mut columns: Vec<String>, rows: Vec<Vec<String>>) -> Table {
        columns.insert(0, "№".to_owned());
        let rows = (1..).zip(rows).map(|(number, mut row): (usize, _)| {
            row.insert(0, number.to_string());
            row
        });
        Table {
            title: self.say(title),
            columns,
            rows: rows.collect(),
        }
    }
}

/// How goods were lost; `None` where that is not said.
fn cause(cause: LossCause) -> Option<Text> {
    match cause {
        LossCause::Unspecified => None,
        LossCause::Accident => Some(text::ACCIDENT),
        LossCause::Theft => Some(text::THEFT),
        LossCause::Fire => Some(text::FIRE),
        LossCause::NaturalDisaster => Some(text::NATURAL_DISASTER),
        LossCause::Unknown => Some(text::UNKNOWN_CAUSE),
    }
}

/// A weight; empty where it is not known.
fn kilograms(weight_g: i64) -> String {
    if weight_g == 0 {
        return String::new();
    }
    let (kg, g) = (weight_g / GRAMS_PER_KG, weight_g % GRAMS_PER_KG);
    if g == 0 {
        kg.to_string()
    } else {
        let text = format!("{kg},{g:03}");
        text.trim_end_matches('0').to_owned()
    }
}

#[cfg(test)]
mod tests;

//! Papers of a shipment that people print and sign: one page of HTML each, for A4, with lines for pens and a code that
//! leads back to the shipment.

mod text;

use std::collections::BTreeMap;

use askama::Template;
use clap::ValueEnum;
use keruen_proto::{
    inventory::v1::StockUnits,
    registry::v1::LocalizedText,
    shipments::v1::{CustodyBasis, Shipment, ShipmentLot},
};
use qrcode::{EcLevel, QrCode, render::svg};

pub use text::Language;
use text::Text;

/// Side of the code on paper, in CSS pixels.
const QR_PX: u32 = 132;
/// Lines for remarks.
const REMARK_LINES: usize = 4;
const GRAMS_PER_KG: i64 = 1_000;

/// Which paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
            Self::PickList | Self::Waybill if shipment.lots.is_empty() => {
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

/// Names of facilities, items and organisations, by code.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, LocalizedText>);

impl Names {
    /// Adds one.
    pub fn add(&mut self, id: &str, name: Option<LocalizedText>) {
        self.0.insert(id.to_owned(), name.unwrap_or_default());
    }
}

/// The codes whose names a paper of the shipment tells.
#[derive(Debug, Default)]
pub struct Named<'a> {
    /// Facilities.
    pub facilities: Vec<&'a str>,
    /// Items.
    pub items: Vec<&'a str>,
    /// Organisations.
    pub organisations: Vec<&'a str>,
}

/// See [`Named`].
pub fn named(shipment: &Shipment) -> Named<'_> {
    let legs = shipment.legs.iter().map(|leg| leg.custodian_id.as_str());
    let shares = shipment.lots.iter().flat_map(|lot| &lot.missing_by_liable);
    let mut named = Named {
        facilities: vec![&shipment.origin_id, &shipment.destination_id],
        items: shipment.lines.iter().map(|it| &*it.item_id).collect(),
        organisations: legs.collect(),
    };
    named.organisations.push(&shipment.sender_id);
    named
        .organisations
        .extend(shares.map(|share| share.liable_id.as_str()));
    let units = shipment.lots.iter().filter_map(units_of);
    named
        .items
        .extend(units.map(|units| units.item_id.as_str()));
    for codes in [
        &mut named.facilities,
        &mut named.items,
        &mut named.organisations,
    ] {
        codes.retain(|code| !code.is_empty());
        codes.sort_unstable();
        codes.dedup();
    }
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
struct Page {
    lang: &'static str,
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

/// Makes a paper. `printed_on` is the day on which that is, ISO 8601.
pub fn render(
    shipment: &Shipment,
    document: Document,
    language: Language,
    names: &Names,
    printed_on: &str,
) -> Result<String, PaperError> {
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

    /// A name with its code; the code alone where there is no name.
    fn name(&self, id: &str) -> String {
        let name = self.language.name(self.names.0.get(id));
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
            (text::FROM, self.name(&shipment.origin_id)),
            (text::TO, self.name(&shipment.destination_id)),
            (text::SENDER, self.name(&shipment.sender_id)),
        ];
        if document == Document::HandOverAct {
            let before = shipment.legs.iter().rev().nth(1);
            let giver = before.map_or(&shipment.sender_id, |leg| &leg.custodian_id);
            facts.push((text::GAVE, self.name(giver)));
            facts.push((text::TOOK, self.name(&shipment.custodian_id)));
        } else {
            facts.push((text::CARRIER, self.name(&shipment.custodian_id)));
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
            Document::LossAct => vec![self.losses()],
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
            let units = units_of(lot)?;
            let mut row = vec![
                self.name(&units.item_id),
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

    /// What is missing, by who answers for it, and what is lost.
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
                    self.name(&units.item_id),
                    units.batch_id.clone(),
                    units.quantity.to_string(),
                    missing.to_string(),
                    lost.to_string(),
                    liable,
                ]
            };
            for share in &lot.missing_by_liable {
                rows.push(row(share.quantity, 0, self.name(&share.liable_id)));
            }
            if lot.lost > 0 {
                rows.push(row(0, lot.lost, String::new()));
            }
        }
        let columns = columns.map(|it| self.say(it)).to_vec();
        self.numbered(text::GOODS, columns, rows)
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

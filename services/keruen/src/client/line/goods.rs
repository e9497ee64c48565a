//! What is given, received, counted and valued.

use keruen_proto::{
    inventory::v1::{
        ConsumptionPurpose, CountLine, Earmark, NewStockLine, PledgeLine, ReceiptLine,
        ReceiptOutcome,
    },
    registry::v1::{UnitValue, ValueBasis},
};

use super::{Pairs, small};
use crate::{client::value, render::word};

/// `commodity=CODE|item=CODE,quantity=N[,pack=CODE]`
pub fn pledge(text: &str) -> Result<PledgeLine, String> {
    let pairs = Pairs::parse(text, &["commodity", "item", "quantity", "pack"])?;
    let (commodity_id, item_id) = pairs.goods()?;
    Ok(PledgeLine {
        commodity_id,
        item_id,
        quantity: pairs.quantity()?,
        pack_id: pairs.text("pack"),
        ..PledgeLine::default()
    })
}

/// `[item=CODE][,region=CODE][,facility=CODE][,purpose=…]`
pub fn earmark(text: &str) -> Result<Earmark, String> {
    let pairs = Pairs::parse(text, &["item", "region", "facility", "purpose"])?;
    let purpose = pairs.get("purpose");
    let purpose = purpose.map(|text| {
        let number = word::number::<ConsumptionPurpose>(text);
        number.map_err(|rule| format!("purpose {rule}"))
    });
    Ok(Earmark {
        item_id: pairs.text("item"),
        region_id: pairs.text("region"),
        facility_id: pairs.text("facility"),
        purpose: purpose.transpose()?,
    })
}

/// `item=CODE,quantity=N[,pack=CODE][,outcome=…][,lot=…][,expires=DAY][,serial=…]…[,pledge-line=N][,value=MONEY[,basis=…]][,batch=ID]`
pub fn receipt(text: &str) -> Result<ReceiptLine, String> {
    const KEYS: &[&str] = &[
        "item",
        "quantity",
        "pack",
        "outcome",
        "lot",
        "expires",
        "serial",
        "pledge-line",
        "value",
        "basis",
        "batch",
    ];
    let pairs = Pairs::parse(text, KEYS)?;
    Ok(ReceiptLine {
        item_id: pairs.required_text("item")?,
        quantity: pairs.quantity()?,
        pack_id: pairs.text("pack"),
        outcome: pairs.read("outcome", word::number::<ReceiptOutcome>)?,
        lot: pairs.text("lot"),
        expires_on: pairs.read("expires", value::date)?,
        serial_numbers: pairs.all("serial"),
        pledge_line: pairs.read("pledge-line", small)?,
        unit_value: unit_value(&pairs)?,
        batch_id: pairs.text("batch"),
    })
}

fn unit_value(pairs: &Pairs) -> Result<Option<UnitValue>, String> {
    let amount = pairs
        .get("value")
        .map(value::money)
        .transpose()
        .map_err(|rule| format!("value {rule}"))?;
    let basis = pairs
        .get("basis")
        .map(word::number::<ValueBasis>)
        .transpose()?;
    match (amount, basis) {
        (None, Some(_)) => Err("basis needs a value, for example value=12.50USD".to_owned()),
        (None, None) => Ok(None),
        (amount, basis) => {
            let basis = basis.unwrap_or(ValueBasis::DonorDeclared.into());
            Ok(Some(UnitValue { amount, basis }))
        }
    }
}

/// `item=CODE,quantity=N[,pack=CODE][,owner=CODE][,lot=…][,expires=DAY][,serial=…]…[,value=MONEY[,basis=…]][,held=yes][,batch=ID]`
pub fn new_stock(text: &str) -> Result<NewStockLine, String> {
    const KEYS: &[&str] = &[
        "item", "quantity", "pack", "owner", "lot", "expires", "serial", "value", "basis", "held",
        "batch",
    ];
    let pairs = Pairs::parse(text, KEYS)?;
    Ok(NewStockLine {
        item_id: pairs.text("item"),
        quantity: pairs.quantity()?,
        pack_id: pairs.text("pack"),
        owner_id: pairs.text("owner"),
        lot: pairs.text("lot"),
        expires_on: pairs.read("expires", value::date)?,
        serial_numbers: pairs.all("serial"),
        unit_value: unit_value(&pairs)?,
        held: pairs.read("held", value::truth)?,
        batch_id: pairs.text("batch"),
    })
}

/// `batch=ID,quantity=N[,pack=CODE][,owner=CODE][,serial=…]…`
pub fn counted(text: &str) -> Result<CountLine, String> {
    let pairs = Pairs::parse(text, &["batch", "quantity", "pack", "owner", "serial"])?;
    Ok(CountLine {
        batch_id: pairs.required_text("batch")?,
        owner_id: pairs.text("owner"),
        quantity: pairs.quantity()?,
        pack_id: pairs.text("pack"),
        serial_numbers: pairs.all("serial"),
    })
}

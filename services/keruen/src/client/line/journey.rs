//! What goes from place to place, and in what condition it comes.

use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    shipments::v1::{
        Remark, RemarkKind, SealCheck, SealState, ShipmentLine, ShipmentPick, ShipmentReceiptLine,
        TripStop,
    },
};

use super::{Pairs, small};
use crate::{client::value, render::word};

/// `item=CODE,quantity=N[,pack=CODE][,request=ID[,request-line=N]][,owner=CODE]`
pub fn shipment(text: &str) -> Result<ShipmentLine, String> {
    let pairs = Pairs::parse(
        text,
        &[
            "item",
            "quantity",
            "pack",
            "request",
            "request-line",
            "owner",
            "min-life",
        ],
    )?;
    let request_line = match (pairs.get("request"), pairs.get("request-line")) {
        (None, Some(_)) => return Err("request-line needs a request".to_owned()),
        // Most requests have one line.
        (Some(_), None) => 1,
        _ => pairs.read("request-line", small)?,
    };
    Ok(ShipmentLine {
        item_id: pairs.required_text("item")?,
        quantity: pairs.quantity()?,
        pack_id: pairs.text("pack"),
        request_id: pairs.text("request"),
        request_line,
        owner_id: pairs.text("owner"),
        min_life_days: pairs.read("min-life", small)?,
        ..ShipmentLine::default()
    })
}

/// `line=N[,batch=ID][,owner=CODE][,quantity=N][,serial=NUMBER]…`
pub fn shipment_pick(text: &str) -> Result<ShipmentPick, String> {
    let pairs = Pairs::parse(text, &["line", "batch", "owner", "quantity", "serial"])?;
    let serial_numbers = pairs.all("serial");
    let is_counted = pairs.get("quantity").is_some();
    Ok(ShipmentPick {
        line: pairs.required("line", small)?,
        batch_id: pairs.text("batch"),
        owner_id: pairs.text("owner"),
        quantity: if is_counted { pairs.quantity()? } else { 0 },
        serial_numbers,
    })
}

/// `CODE[=DAY]`
pub fn trip_stop(text: &str) -> Result<TripStop, String> {
    let (facility_id, day) = text.split_once('=').unwrap_or((text, ""));
    if facility_id.is_empty() {
        return Err(format!("must be CODE or CODE=DAY; found {text:?}"));
    }
    Ok(TripStop {
        facility_id: facility_id.to_owned(),
        expected_on: if day.is_empty() {
            String::new()
        } else {
            value::date(day)?
        },
        reached: false,
    })
}

/// `kind=KIND[,parcel=SSCC][,reference=KIND:ID]`
pub fn remark(text: &str) -> Result<Remark, String> {
    let pairs = Pairs::parse(text, &["kind", "parcel", "reference"])?;
    Ok(Remark {
        kind: pairs.required("kind", word::number::<RemarkKind>)?,
        sscc: pairs.text("parcel"),
        reference: pairs.text("reference"),
    })
}

/// `SSCC=intact|broken|parcel-missing`
pub fn seal(text: &str) -> Result<SealCheck, String> {
    let rule = || format!("must be SSCC=intact, broken or parcel-missing; found {text:?}");
    let (sscc, state) = text.split_once('=').ok_or_else(rule)?;
    Ok(SealCheck {
        sscc: sscc.to_owned(),
        state: word::number::<SealState>(state)?,
    })
}

/// `line=N,quantity=N[,pack=CODE][,outcome=…][,batch=ID][,owner=CODE][,serial=…]…[,item=CODE][,lot=…][,expires=DAY]`
pub fn shipment_receipt(text: &str) -> Result<ShipmentReceiptLine, String> {
    const KEYS: &[&str] = &[
        "line", "quantity", "pack", "outcome", "batch", "owner", "serial", "item", "lot",
        "expires", "parcel",
    ];
    let pairs = Pairs::parse(text, KEYS)?;
    Ok(ShipmentReceiptLine {
        line: pairs.read("line", small)?,
        batch_id: pairs.text("batch"),
        owner_id: pairs.text("owner"),
        quantity: pairs.quantity()?,
        pack_id: pairs.text("pack"),
        outcome: pairs.read("outcome", word::number::<ReceiptOutcome>)?,
        serial_numbers: pairs.all("serial"),
        item_id: pairs.text("item"),
        lot: pairs.text("lot"),
        expires_on: pairs.read("expires", value::date)?,
        sscc: pairs.text("parcel"),
    })
}

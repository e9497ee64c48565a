//! What is asked for, approved and planned.

use keruen_proto::{
    inventory::v1::MeasuredOutput,
    requests::v1::{ApprovedLine, Need, NeedKind, PlanLine, PlanShare, PlanWeight, RequestLine},
};

use super::{Pairs, small};
use crate::{client::value, render::word};

/// `commodity=CODE|item=CODE,quantity=N[,pack=CODE]`, and, where a need says it, or says it too,
/// `need=KIND,patients=N[,per-patient=NUMBER,unit=CODE][,days=N]`
pub fn request(text: &str) -> Result<RequestLine, String> {
    const KEYS: &[&str] = &[
        "commodity",
        "item",
        "quantity",
        "pack",
        "need",
        "patients",
        "per-patient",
        "unit",
        "days",
    ];
    let pairs = Pairs::parse(text, KEYS)?;
    let need = need(&pairs)?;
    let (commodity_id, item_id) = match need {
        Some(_) => (pairs.text("commodity"), pairs.text("item")),
        None => pairs.goods()?,
    };
    let requested = match pairs.get("quantity") {
        None if need.is_some() => 0,
        _ => pairs.quantity()?,
    };
    Ok(RequestLine {
        commodity_id,
        item_id,
        requested,
        pack_id: pairs.text("pack"),
        need,
        ..RequestLine::default()
    })
}

fn need(pairs: &Pairs) -> Result<Option<Need>, String> {
    if pairs.get("need").is_none() {
        let lonely = ["patients", "per-patient", "unit", "days"]
            .into_iter()
            .find(|key| pairs.get(key).is_some());
        return match lonely {
            Some(key) => Err(format!(
                "{key} belongs to a need, for example need=ventilation"
            )),
            None => Ok(None),
        };
    }
    let per_patient = match (pairs.get("per-patient"), pairs.get("unit")) {
        (None, None) => None,
        (Some(amount), Some(unit)) => Some(MeasuredOutput {
            value_milli: value::decimal(amount, 3).map_err(|rule| format!("per-patient {rule}"))?,
            unit_code: unit.to_owned(),
        }),
        _ => return Err("per-patient and unit go together: per-patient=10,unit=L2".to_owned()),
    };
    Ok(Some(Need {
        kind: pairs.required("need", word::number::<NeedKind>)?,
        patients: pairs.required("patients", value::whole)?,
        per_patient,
        days: pairs.read("days", small)?,
    }))
}

/// `line=N,quantity=N[,commodity=CODE|item=CODE]`
pub fn approval(text: &str) -> Result<ApprovedLine, String> {
    let pairs = Pairs::parse(text, &["line", "quantity", "commodity", "item"])?;
    Ok(ApprovedLine {
        line: pairs.required("line", small)?,
        quantity: pairs.quantity()?,
        commodity_id: pairs.text("commodity"),
        item_id: pairs.text("item"),
    })
}

/// `item=CODE,quantity=N`
pub fn plan(text: &str) -> Result<PlanLine, String> {
    let pairs = Pairs::parse(text, &["item", "quantity"])?;
    Ok(PlanLine {
        line: 0,
        item_id: pairs.required_text("item")?,
        quantity: pairs.quantity()?,
    })
}

/// `CODE=NUMBER`
pub fn weight(text: &str) -> Result<PlanWeight, String> {
    let (facility_id, weight) = text.split_once('=').ok_or_else(|| {
        format!("must be CODE=NUMBER, for example HOSP-JEZ=90000; found {text:?}")
    })?;
    Ok(PlanWeight {
        facility_id: facility_id.to_owned(),
        weight: value::whole(weight)?,
    })
}

/// `facility=CODE,quantity=N[,line=N][,request=ID[,request-line=N]]`
pub fn share(text: &str) -> Result<PlanShare, String> {
    const KEYS: &[&str] = &["facility", "quantity", "line", "request", "request-line"];
    let pairs = Pairs::parse(text, KEYS)?;
    Ok(PlanShare {
        facility_id: pairs.required_text("facility")?,
        line: pairs.read("line", small)?,
        quantity: pairs.quantity()?,
        request_id: pairs.text("request"),
        request_line: pairs.read("request-line", small)?,
        ..PlanShare::default()
    })
}

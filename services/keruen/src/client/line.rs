//! Lines and documents as compact arguments: `item=TEST-A,quantity=10,lot=L1`.
//!
//! A comma or backslash in a value is written `\,` or `\\`.

use keruen_proto::{
    inventory::v1::{
        ConsumptionPurpose, CountLine, Earmark, MeasuredOutput, NewStockLine, PledgeLine,
        ReceiptLine, ReceiptOutcome,
    },
    registry::v1::{
        Accessory, DocumentKind, DocumentRef, DutyShift, KitComponent, LocalizedText,
        MinimumReserve, Pack, PlannedStop, Stop, Substitute, UnitValue, ValueBasis,
    },
    requests::v1::{ApprovedLine, Need, NeedKind, PlanLine, PlanShare, PlanWeight, RequestLine},
    shipments::v1::{
        Remark, RemarkKind, SealCheck, SealState, ShipmentLine, ShipmentPick, ShipmentReceiptLine,
    },
};

use crate::{client::value, render::word};

/// The `key=value` pairs of one argument.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Splits an argument; only these keys may stand there, and only `serial` more than once.
    fn parse(text: &str, keys: &[&str]) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in split(text)? {
            let known = || keys.join(", ");
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?} is not key=value; keys are {}", known()))?;
            if !keys.contains(&key) {
                return Err(format!("unknown key {key:?}; keys are {}", known()));
            }
            if value.is_empty() {
                return Err(format!("{key} has no value"));
            }
            if key != "serial" && pairs.iter().any(|(other, _)| other == key) {
                return Err(format!("{key} stands there twice"));
            }
            pairs.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self(pairs))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| other == key)
            .map(|(_, value)| value.as_str())
    }

    fn text(&self, key: &str) -> String {
        self.get(key).unwrap_or_default().to_owned()
    }

    fn all(&self, key: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(other, _)| other == key)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// The value as `parse` reads it; its default where the key is absent.
    fn read<T: Default>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        self.get(key).map_or_else(
            || Ok(T::default()),
            |text| parse(text).map_err(|rule| format!("{key} {rule}")),
        )
    }

    fn required<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, String> {
        let text = self
            .get(key)
            .ok_or_else(|| format!("{key} is missing, for example {key}=10"))?;
        parse(text).map_err(|rule| format!("{key} {rule}"))
    }

    fn required_text(&self, key: &str) -> Result<String, String> {
        self.get(key)
            .map(ToOwned::to_owned)
            .ok_or_else(|| format!("{key} is missing"))
    }

    /// Commodity and item, of which there must be one.
    fn goods(&self) -> Result<(String, String), String> {
        let goods = (self.text("commodity"), self.text("item"));
        if goods.0.is_empty() && goods.1.is_empty() {
            return Err("name a commodity or an item".to_owned());
        }
        Ok(goods)
    }

    /// The quantity, or as many as there are serial numbers.
    fn quantity(&self) -> Result<i64, String> {
        let serials = self.all("serial").len();
        match self.get("quantity") {
            None if serials > 0 && self.get("pack").is_none() => {
                i64::try_from(serials).map_err(|error| error.to_string())
            }
            _ => self.required("quantity", value::whole),
        }
    }
}

/// Splits at commas that no backslash precedes.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let char = match char {
            ',' => {
                parts.push(String::new());
                continue;
            }
            '\\' => match chars.next() {
                Some(escaped @ (',' | '\\')) => escaped,
                _ => {
                    return Err(
                        "a backslash must stand before a comma or another backslash".to_owned()
                    );
                }
            },
            other => other,
        };
        if let Some(part) = parts.last_mut() {
            part.push(char);
        }
    }
    Ok(parts)
}

fn small(text: &str) -> Result<i32, String> {
    text.parse()
        .map_err(|_| format!("must be a line number; found {text:?}"))
}

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

/// `person=REF,organisation=CODE,from=DAY,until=DAY`
pub fn shift(text: &str) -> Result<DutyShift, String> {
    let pairs = Pairs::parse(text, &["person", "organisation", "from", "until"])?;
    Ok(DutyShift {
        person_ref: pairs.required_text("person")?,
        organisation_id: pairs.required_text("organisation")?,
        first_day: pairs.required("from", value::date)?,
        last_day: pairs.required("until", value::date)?,
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

/// `item=CODE,quantity=N`
pub fn accessory(text: &str) -> Result<Accessory, String> {
    let pairs = Pairs::parse(text, &["item", "quantity"])?;
    Ok(Accessory {
        item_id: pairs.required_text("item")?,
        quantity: pairs.quantity()?,
    })
}

/// `CODE=BASE-UNITS[,gtin=DIGITS]`
pub fn pack(text: &str) -> Result<Pack, String> {
    let (pack, rest) = text.split_once(',').unwrap_or((text, ""));
    let rule = || format!("must be CODE=BASE-UNITS, for example BOX=25; found {pack:?}");
    let (pack_id, quantity) = pack.split_once('=').ok_or_else(rule)?;
    let gtin = match rest.split_once('=') {
        Some(("gtin", digits)) if !digits.is_empty() => digits.to_owned(),
        _ if !text.contains(',') => String::new(),
        _ => return Err(format!("only gtin=DIGITS may follow; found {rest:?}")),
    };
    Ok(Pack {
        pack_id: pack_id.to_owned(),
        quantity: value::whole(quantity)?,
        gtin,
    })
}

/// `ITEM=ORGANISATION`
pub fn substitute(text: &str) -> Result<Substitute, String> {
    match text.split_once('=') {
        Some((item_id, stated_by_id)) if !item_id.is_empty() && !stated_by_id.is_empty() => {
            Ok(Substitute {
                item_id: item_id.to_owned(),
                stated_by_id: stated_by_id.to_owned(),
            })
        }
        _ => Err(format!(
            "must be ITEM=ORGANISATION, who says so, for example TEST-B=MOH; found {text:?}"
        )),
    }
}

/// `item=CODE,quantity=N`
pub fn component(text: &str) -> Result<KitComponent, String> {
    let pairs = Pairs::parse(text, &["item", "quantity"])?;
    Ok(KitComponent {
        item_id: pairs.required_text("item")?,
        quantity: pairs.quantity()?,
    })
}

/// `region=CODE,place=NAME,from=DAY,until=DAY[,place-kk=NAME][,place-ru=NAME]`
pub fn stop(text: &str) -> Result<PlannedStop, String> {
    const KEYS: &[&str] = &["region", "place", "place-kk", "place-ru", "from", "until"];
    let pairs = Pairs::parse(text, KEYS)?;
    Ok(PlannedStop {
        stop: Some(Stop {
            region_id: pairs.required_text("region")?,
            place: Some(LocalizedText {
                en: pairs.required_text("place")?,
                kk: pairs.text("place-kk"),
                ru: pairs.text("place-ru"),
            }),
            location: None,
        }),
        first_day: value::date(&pairs.required_text("from")?)?,
        last_day: value::date(&pairs.required_text("until")?)?,
    })
}

/// `commodity=CODE,quantity=N`
pub fn reserve(text: &str) -> Result<MinimumReserve, String> {
    let pairs = Pairs::parse(text, &["commodity", "quantity"])?;
    Ok(MinimumReserve {
        commodity_id: pairs.required_text("commodity")?,
        quantity: pairs.quantity()?,
    })
}

/// `kind=…,number=…[,date=DAY][,issuer=CODE][,sha256=HEX]`
pub fn document(text: &str) -> Result<DocumentRef, String> {
    let pairs = Pairs::parse(text, &["kind", "number", "date", "issuer", "sha256"])?;
    Ok(DocumentRef {
        kind: pairs.required("kind", word::number::<DocumentKind>)?,
        number: pairs.required_text("number")?,
        issued_on: pairs.read("date", value::date)?,
        issuer_id: pairs.text("issuer"),
        sha256: pairs.read("sha256", sha256)?,
    })
}

fn sha256(text: &str) -> Result<Vec<u8>, String> {
    let rule = || format!("must be 64 hexadecimal digits; found {text:?}");
    if text.len() != 64 || !text.is_ascii() {
        return Err(rule());
    }
    (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| rule()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_all_it_says() {
        let line = receipt(
            r"item=VENT-A,lot=L\,1\\2,expires=2027-01-31,serial=S1,serial=S2,outcome=damaged,value=10USD,basis=invoice",
        )
        .unwrap();
        assert_eq!(line.quantity, 2, "as many as serial numbers");
        assert_eq!(
            (line.lot.as_str(), line.expires_on.as_str()),
            (r"L,1\2", "2027-01-31")
        );
        assert_eq!(line.serial_numbers, ["S1", "S2"]);
        assert_eq!(line.outcome(), ReceiptOutcome::Damaged);
        let value = line.unit_value.unwrap();
        assert_eq!(
            (value.basis(), value.amount.unwrap().minor_units),
            (ValueBasis::Invoice, 1_000)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (
                "item=A,qty=1",
                r#"unknown key "qty"; keys are commodity, item, quantity, pack"#,
            ),
            ("item=A,quantity=1,item=B", "item stands there twice"),
            ("item=A,quantity=", "quantity has no value"),
            (
                "item=A,quantity=1x",
                r#"quantity must be a whole number; found "1x""#,
            ),
            ("item=A", "quantity is missing, for example quantity=10"),
            ("quantity=1", "name a commodity or an item"),
            (
                "item",
                r#""item" is not key=value; keys are commodity, item, quantity, pack"#,
            ),
            (
                "item=A,quantity=1,",
                r#""" is not key=value; keys are commodity, item, quantity, pack"#,
            ),
            (
                r"item=A\n,quantity=1",
                "a backslash must stand before a comma or another backslash",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(pledge(text).unwrap_err(), message, "{text}");
        }
        assert!(
            receipt("item=A,quantity=1,outcome=fine")
                .unwrap_err()
                .contains("good, damaged, missing")
        );
        assert!(receipt("item=A,quantity=1,basis=invoice").is_err());
        assert!(receipt("item=A,pack=BOX,serial=S1").is_err());
        assert!(shipment("item=A,quantity=1,request-line=2").is_err());
    }

    #[test]
    fn a_pack_holds_base_units() {
        let boxed = pack("BOX=25,gtin=4006381333931").unwrap();
        assert_eq!((boxed.pack_id.as_str(), boxed.quantity), ("BOX", 25));
        assert_eq!(boxed.gtin, "4006381333931");
        assert_eq!(pack("CASE=500").unwrap().gtin, "");
        for wrong in [
            "BOX",
            "BOX=x",
            "BOX=5,",
            "BOX=5,gtin",
            "BOX=5,gtin=",
            "BOX=5,ean=1",
        ] {
            assert!(pack(wrong).is_err(), "{wrong}");
        }
        assert_eq!(substitute("B=MOH").unwrap().stated_by_id, "MOH");
        assert!(
            substitute("B").is_err() && substitute("=MOH").is_err() && substitute("B=").is_err()
        );
    }

    #[test]
    fn a_hash_has_32_bytes() {
        let hex = "0123456789abcdef".repeat(4);
        let document = document(&format!("kind=waybill,number=W-1,sha256={hex}")).unwrap();
        assert_eq!(document.sha256[..4], [0x01, 0x23, 0x45, 0x67]);
        assert!(sha256(&hex[1..]).is_err() && sha256(&hex.replace('0', "g")).is_err());
        assert!(sha256(&"é".repeat(32)).is_err());
    }
}

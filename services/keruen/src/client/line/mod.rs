//! Lines and documents as compact arguments: `item=TEST-A,quantity=10,lot=L1`.
//!
//! A comma or backslash in a value is written `\,` or `\\`.

mod document;
mod goods;
mod journey;
mod master;
mod need;

pub use document::document;
pub use goods::{counted, earmark, new_stock, pledge, receipt};
pub use journey::{remark, seal, shipment, shipment_pick, shipment_receipt, trip_stop};
pub use master::{accessory, component, pack, reserve, shift, stop, substitute};
pub use need::{approval, plan, request, share, weight};

use crate::client::value;

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

#[cfg(test)]
mod tests {
    use keruen_proto::{inventory::v1::ReceiptOutcome, registry::v1::ValueBasis};

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
}

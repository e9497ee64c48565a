//! Requests about goods that nobody can name yet, parsed into commands.

use keruen_domain::{
    Contents, Packed,
    id::IdKind,
    limits,
    unidentified::{IdentifyGoods, ReceiveUnidentifiedGoods},
};
use keruen_edge::Fields;
use keruen_proto::inventory::v1::{IdentifyGoodsRequest, ReceiveUnidentifiedGoodsRequest};

use super::stock::new_stock;

/// Goods that arrived.
pub fn receive(
    message: &ReceiveUnidentifiedGoodsRequest,
    fields: &mut Fields,
) -> Option<ReceiveUnidentifiedGoods> {
    let goods_id = fields.new_code("goods_id", &message.goods_id, IdKind::Goods);
    let facility_id = fields.code("facility_id", &message.facility_id);
    let packages = fields.quantity("packages", message.packages);
    let donation_id = fields.optional_code("donation_id", &message.donation_id);
    let description_ref = fields.optional_reference("description_ref", &message.description_ref);
    let documents = fields.documents("documents", &message.documents);
    Some(ReceiveUnidentifiedGoods {
        goods_id: goods_id?,
        facility_id: facility_id?,
        packages: packages?,
        donation_id: donation_id?,
        description_ref: description_ref?,
        documents: documents?,
    })
}

/// Packages of which it is known by now what they are.
pub fn identify(
    message: &IdentifyGoodsRequest,
    fields: &mut Fields,
) -> Option<Packed<IdentifyGoods>> {
    let goods_id = fields.code("goods_id", &message.goods_id);
    let packages = match message.packages {
        0 => Some(None),
        some => fields.quantity("packages", some).map(Some),
    };
    let lines = fields.each("lines", &message.lines, limits::RECEIPT_LINES, new_stock);
    let counts = message.lines.iter().map(|line| line.serial_numbers.len());
    fields.serial_numbers_of("lines", counts)?;
    let donation_id = fields.optional_code("donation_id", &message.donation_id);
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let command = IdentifyGoods {
        goods_id: goods_id?,
        packages: packages?,
        lines: lines?,
        donation_id: donation_id?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        Some(&mut it.lines.get_mut(index)?.quantity)
    }))
}

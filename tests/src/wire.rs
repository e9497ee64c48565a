//! Calls below the generated clients: any bytes to any method.

use keruen_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

/// One RPC of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// `/package.Service/Method`.
    pub path: String,
    /// Whether it changes something: its request names a command.
    pub is_mutation: bool,
}

/// All RPCs of the schema that answer once.
pub fn methods() -> Vec<Method> {
    let schema =
        FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the schema is a descriptor set");
    let messages: Vec<(String, &DescriptorProto)> = schema
        .file
        .iter()
        .flat_map(|file| {
            let name =
                |message: &DescriptorProto| format!(".{}.{}", file.package(), message.name());
            file.message_type
                .iter()
                .map(move |message| (name(message), message))
        })
        .collect();
    let is_mutation = |input: &str| {
        let (_, message) = messages
            .iter()
            .find(|(name, _)| name == input)
            .expect("every request is in the schema");
        message
            .field
            .iter()
            .any(|field| field.name() == "command_id")
    };
    let mut methods = Vec::new();
    for file in &schema.file {
        for service in &file.service {
            for method in service
                .method
                .iter()
                .filter(|method| !method.server_streaming())
            {
                methods.push(Method {
                    path: format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                    is_mutation: is_mutation(method.input_type()),
                });
            }
        }
    }
    methods
}

/// Calls a method with these bytes as its request, and these bytes as its answer.
pub async fn call(
    channel: &Channel,
    path: &str,
    request: Request<Vec<u8>>,
) -> Result<Vec<u8>, Status> {
    let path = PathAndQuery::try_from(path).expect("a path of the schema is a path");
    let mut client = Grpc::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(client.unary(request, path, Bytes).await?.into_inner())
}

#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;
    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; prost::bytes::Buf::remaining(buffer)];
        prost::bytes::Buf::copy_to_slice(buffer, &mut bytes);
        Ok(Some(bytes))
    }
}

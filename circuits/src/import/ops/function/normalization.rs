//! BatchNormalization that no layer has taken up: a function of one value for each channel.

use crate::import::{
    attributes::unsupported,
    builder::Builder,
    call::Call,
    error::{ImportErrorKind, OperatorError, QuantizationError},
    functions::bounded,
    ops::function::with_constant::{varying, view},
    role::Role,
    spread::Course,
    value::Value,
};

/// The bits of scale, bias, mean and variance of a channel.
type Channel = [u32; 4];

pub(in crate::import) fn batch_normalization(
    call: &Call<'_>,
    builder: &mut Builder,
) -> Result<Value, ImportErrorKind> {
    call.expect_inputs(5, 5)?;
    let attributes = call.node.attributes.reader();
    let epsilon = attributes.float("epsilon")?.unwrap_or(1e-5);
    // Only training has use for it.
    attributes.float("momentum")?;
    if call.node.opset >= 14 {
        attributes.only_int("training_mode", 0)?;
    }
    attributes.finish()?;
    if !(epsilon.is_finite() && epsilon >= 0.0) {
        return Err(unsupported("epsilon", epsilon, "a number that is not negative"));
    }
    let x = call.input(0, Role::Input)?;
    let view = view(x).ok_or_else(|| call.wrong_form(0, Role::Input, x, "a dequantized activation"))?;
    if view.activation.shape.len() < 2 {
        let expected = "[batch, channels, ...]".to_owned();
        return Err(
            OperatorError::Shape { role: "input", got: view.activation.shape.clone(), expected }.into()
        );
    }
    let channels = channels(call, view.activation.shape.get(1).copied().unwrap_or(1))?;
    let applied = |channel: Channel, x| {
        let [scale, bias, mean, variance] = channel.map(f32::from_bits);
        bounded::normalized(x, [scale, bias, mean, variance], epsilon)
    };
    varying(call, &view, (Some(1), &channels), |_| Course::Monotone, applied, builder)
}

/// The parameters of every channel.
fn channels(call: &Call<'_>, count: usize) -> Result<Vec<Channel>, ImportErrorKind> {
    let mut channels = vec![[0; 4]; count];
    for (parameter, role) in [Role::Scale, Role::Bias, Role::Mean, Role::Variance].into_iter().enumerate() {
        let constant = call.input(parameter + 1, role)?;
        let numbers = constant.numbers().ok_or_else(|| OperatorError::NotConstant {
            role: role.text(),
            name: call.name(parameter + 1),
            found: constant.describe(),
        })?;
        if constant.shape() != [count] {
            let (got, expected) = (constant.shape().to_vec(), format!("[{count}], one for each channel"));
            return Err(OperatorError::Shape { role: role.text(), got, expected }.into());
        }
        let is_usable = |number: &&f32| number.is_finite() && (role != Role::Variance || **number >= 0.0);
        if let Some(&value) = numbers.iter().find(|number| !is_usable(number)) {
            return Err(QuantizationError::NotANumber { role: role.text(), value }.into());
        }
        for (channel, number) in channels.iter_mut().zip(numbers.iter()) {
            channel[parameter] = number.to_bits();
        }
    }
    Ok(channels)
}

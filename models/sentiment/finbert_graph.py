"""The part of a BERT classifier that its answer depends on, as a torch module for the export."""

from __future__ import annotations

from typing import Any

import torch


class FirstPosition(torch.nn.Module):
    """A BERT classifier whose last layer is computed for the first position alone: all that the pooler reads.

    Parameters
    ----------
    model : BertForSequenceClassification
        In evaluation mode, with eager attention.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """Give the logits, shape (batch, labels)."""
        model: Any = self.model
        bert = model.bert
        hidden = bert.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
        mask = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(hidden.dtype).min
        *layers, last = bert.encoder.layer
        for layer in layers:
            hidden = layer(hidden, mask)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        first = _attended(last.attention, hidden, mask)
        first = last.output(last.intermediate(first), first)
        logits: torch.Tensor = model.classifier(bert.pooler(first))
        return logits


def _attended(attention: Any, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Let the first position attend to all: softmax(q k' / sqrt(d) + mask) v, then the output block."""
    own, first = attention.self, hidden[:, :1]
    size = own.attention_head_size

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.view(x.shape[0], -1, own.num_attention_heads, size).transpose(1, 2)

    query, key, value = heads(own.query(first)), heads(own.key(hidden)), heads(own.value(hidden))
    weights = torch.softmax(query @ key.transpose(2, 3) * size**-0.5 + mask, dim=-1)
    context = (weights @ value).transpose(1, 2).reshape(first.shape)
    out: torch.Tensor = attention.output(context, first)
    return out

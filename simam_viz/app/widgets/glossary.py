"""The field's terms, explained in English and Chinese where they appear."""

from __future__ import annotations

from ...wording import _, later, tag

TERMS = {
    "lambda": (
        later(
            "λ is the one free number in SimAM's energy: a soft threshold on a channel's variance. Channels whose variance is "
            "far below λ get nearly equal weights; far above, λ does nothing. A number is given to all blocks."
        ),
        "λ 是 SimAM 能量函数中唯一的自由参数，相当于通道方差的软阈值。",
    ),
    "attention weight": (
        later(
            "sigmoid(1/e*): what SimAM multiplies a neuron by. Always between 0.622 and 1, so no neuron is ever closed."
        ),
        "注意力权重：SimAM 与神经元相乘的系数，取值 0.622 到 1。",
    ),
    "energy": (
        later(
            "e*: how hard a neuron is to tell apart from the others of its channel, in (0, 2]. Low energy means distinctive."
        ),
        "能量：神经元与同通道其他神经元的可分程度，能量越低越重要。",
    ),
    "importance": (later("1/e*, at least ½: the inverse of the energy."), "重要性：能量的倒数，至少为 ½。"),
    "feature": (
        later("What the block's second convolution hands to SimAM. Blue is negative, red positive."),
        "特征：该残差块第二个卷积的输出，即 SimAM 的输入。",
    ),
    "refined feature": (later("Feature × attention weight: what leaves SimAM."), "加权后的特征：特征乘以注意力权重。"),
    "Grad-CAM": (
        later(
            "Where a block's output speaks for the target class: channels weighted by their mean gradient, summed, negative "
            "parts cut (Selvaraju et al., 2017)."
        ),
        "Grad-CAM：用平均梯度加权的类激活图。",
    ),
    "cam methods": (
        later(
            "Grad-CAM: channels weighted by their mean gradient. Grad-CAM++: by their positive gradients, so that several objects of "
            "one class count alike. HiResCAM: gradient times activation, place by place. LayerCAM: the same with positive gradients "
            "only, finer in early blocks. All cut negative sums and are divided by their own maximum."
        ),
        "类激活图方法：Grad-CAM、Grad-CAM++、HiResCAM、LayerCAM，四者出自同一次反向传播。",
    ),
    "contrast of classes": (
        later(
            "What speaks for the target rather than for this class: the heat maps then explain the difference of the two logits."
        ),
        "类别对比：解释两个类别 logit 之差。",
    ),
    "fixed mean weight": (
        later(
            "λ changes where the weights lie and how large they are on average. This keeps each channel's mean weight at what the "
            "trained λ gives, so that only the first is left."
        ),
        "固定平均权重：保持每个通道的平均权重不变，只改变权重的空间分布。",
    ),
    "faithfulness": (
        later(
            "Whether the places that a heat map points at are those the network uses. Deletion and insertion: Petsiuk et al., 2018 (RISE). "
            "Drop and increase in confidence: Chattopadhay et al., 2018 (Grad-CAM++)."
        ),
        "忠实度：热力图所指的位置是否确为网络所用。删除与插入曲线（RISE）；平均下降与置信度上升（Grad-CAM++）。",
    ),
    "block": (
        later("One residual block of the network; SimAM sits once in each."),
        "残差块：每个残差块中有一个 SimAM。",
    ),
    "channel": (
        later("One feature map among the many of a block. SimAM compares neurons within a channel only."),
        "通道：SimAM 只在同一通道内比较神经元。",
    ),
    "channel measures": (
        later(
            "Variance: σ² of the channel's features. Highest weight: of its best neuron. Contrast: standard deviation of its "
            "weights over positions. Agreement: correlation of its weights with the block's Grad-CAM over positions."
        ),
        "方差：通道特征的方差；最高权重；对比度：权重在空间上的标准差；一致性：权重与 Grad-CAM 的相关系数。",
    ),
    "contrast": (
        later("Standard deviation of all attention weights of a block: 0 when SimAM treats all neurons alike."),
        "对比度：一个残差块中全部注意力权重的标准差。",
    ),
    "receptive field": (
        later(
            "The part of the picture that reaches a neuron through convolutions and pooling. SimAM compares a neuron with its "
            "whole channel, so strictly every neuron depends a little on the whole picture."
        ),
        "感受野：经由卷积与池化影响该神经元的图像区域。",
    ),
    "flat": (
        later("A weight within 1 % of the floor 0.622. λ flattens a channel when all its weights are flat."),
        "平坦：权重与下限 0.622 相差不超过 1 %。",
    ),
    "kinds of attention": (
        later("1-D: one weight a channel (SE, ECA). 2-D: one weight a position. 3-D: one weight a neuron (SimAM)."),
        "一维：每个通道一个权重；二维：每个位置一个权重；三维：每个神经元一个权重。",
    ),
    "networks to compare": (
        later(
            "The same weights with their attention made uniform or switched off; and networks trained by the same recipe on the "
            "same images with another attention, or none, which is the fair comparison."
        ),
        "对照网络：同一权重改变注意力，或同一训练方案下换用其他注意力模块的网络。",
    ),
    "padding": (
        later(
            "A bright frame along the edges of the first blocks is nothing in the photo: convolutions pad it with zeros there, and "
            "SimAM favours what is unlike the rest."
        ),
        "前几个残差块边缘的亮框源于卷积的零填充，并非照片内容。",
    ),
    "target class": (later("The class whose logit Grad-CAM explains."), "目标类别：Grad-CAM 所解释的类别。"),
    "checkpoint": (later("The trained weights in use."), "检查点：所用的预训练权重。"),
    "input size": (
        later(
            "Side of the square that the network sees, in pixels. Larger gives finer maps; the accuracy on the card says at "
            "what sizes the network is at its best."
        ),
        "输入尺寸：网络所见正方形的边长（像素）。",
    ),
}


def explain(term: str) -> str:
    """The tooltip of one term: beside the English stands the Chinese, which most who write about SimAM read."""
    english, chinese = TERMS[term]
    return _(english) if tag().startswith("zh") else f"{_(english)}\n\n{chinese}"

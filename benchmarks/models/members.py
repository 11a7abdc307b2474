"""A small member of each family of timm, torchvision and transformers, and how it is made smaller still."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn

__all__ = ["LIBRARIES", "Member", "members_of"]

NUM_CLASSES = 10


@dataclass(frozen=True)
class Member:
    """A network of a library.

    Attributes:
        family: module of timm or torchvision, or kind of transformers.
        name: of the network, or its class.
        build: makes it with random weights.
        size: height and width of its images.
        arguments: that its library needs to make it again (timm's model_args).
    """

    family: str
    name: str
    build: Callable[[], nn.Module]
    size: int
    arguments: dict[str, Any] = field(default_factory=dict)


FEWER = {"depth": 2}
# family: (smallest member, what makes it smaller still); a family of several ways to end has several rows
TIMM: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "beit": [("beit_base_patch16_224", FEWER)],
    "byoanet": [("lambda_resnet26t", {})],
    "byobnet": [("test_byobnet", {}), ("resnet50_clip", {})],
    "cait": [("cait_xxs24_224", FEWER)],
    "coat": [("coat_lite_tiny", {})],
    "convit": [("convit_tiny", FEWER)],
    "convmixer": [("convmixer_768_32", {})],
    "convnext": [("test_convnext", {})],
    "cpubone": [("cpubone_nano", {})],
    "crossvit": [("crossvit_tiny_240", {})],
    "csatv2": [("csatv2", {})],
    "cspnet": [("cs3darknet_focus_s", {})],
    "cspnext": [("cspnext_tiny", {})],
    "davit": [("davit_tiny", {"depths": (1, 1, 1, 1)})],
    "deit": [("deit_tiny_patch16_224", FEWER), ("deit_tiny_distilled_patch16_224", FEWER)],
    "densenet": [("densenet121", {"block_config": (2, 2, 2, 2)})],
    "dla": [("dla46_c", {})],
    "dpn": [("dpn48b", {})],
    "edgenext": [("edgenext_xx_small", {})],
    "efficientformer": [("efficientformer_l1", {})],
    "efficientformer_v2": [("efficientformerv2_s0", {})],
    "efficientnet": [("test_efficientnet", {})],
    "efficientvim": [("efficientvim_m1", {}), ("efficientvim_m1_dist", {})],
    "efficientvit_mit": [("efficientvit_b0", {})],
    "efficientvit_msra": [("efficientvit_m0", {})],
    "eva": [("eva02_tiny_patch14_224", FEWER)],
    "fasternet": [("fasternet_t0", {})],
    "fastvit": [("fastvit_t8", {})],
    "focalnet": [("focalnet_tiny_srf", {})],
    "gcvit": [("gcvit_xxtiny", {})],
    "ghostnet": [("ghostnet_050", {})],
    "hardcorenas": [("hardcorenas_a", {})],
    "hgnet": [("hgnetv2_b0", {})],
    "hiera": [("hiera_tiny_224", {"stages": (1, 1, 1, 1)})],
    "hieradet_sam2": [("sam2_hiera_tiny", {"stages": (1, 1, 1, 1), "global_att_blocks": ()})],
    "hrnet": [("hrnet_w18_small", {})],
    "iformer": [("iformer_t", {}), ("iformer_l_distilled", {})],
    "inception_next": [("inception_next_atto", {})],
    "inception_v3": [("inception_v3", {})],
    "lcnetv2": [("lcnetv2_small", {})],
    "levit": [("levit_128s", {}), ("levit_256d", {})],
    "lowformer": [("lowformer_b0", {})],
    "mambaout": [("test_mambaout", {})],
    "maxxvit": [("test_maxvit", {}), ("test_coatnet", {})],
    "metaformer": [("poolformer_s12", {}), ("caformer_s18", {})],
    "mlp_mixer": [("gmlp_ti16_224", {})],
    "mobilenetv3": [("mobilenetv3_small_050", {})],
    "mobilevit": [("mobilevit_xxs", {})],
    "mvitv2": [("mvitv2_tiny", {})],
    "naflexvit": [("naflexvit_base_patch16_gap", FEWER)],
    "nest": [("nest_tiny", {})],
    "nextvit": [("nextvit_small", {})],
    "nfnet": [("test_nfnet", {})],
    "pit": [("pit_ti_224", {}), ("pit_ti_distilled_224", {})],
    "pvt_v2": [("pvt_v2_b0", {})],
    "rdnet": [("rdnet_tiny", {})],
    "regnet": [("regnetx_002", {})],
    "repghost": [("repghostnet_050", {})],
    "repvit": [("repvit_m0_9", {})],
    "res2net": [("res2net50_26w_4s", {"layers": (1, 1, 1, 1)})],
    "resnest": [("resnest14d", {})],
    "resnet": [("test_resnet", {})],
    "resnetv2": [("resnetv2_18", {})],
    "rexnet": [("rexnetr_100", {})],
    "selecsls": [("selecsls42", {})],
    "senet": [("legacy_seresnet18", {})],
    "sequencer": [("sequencer2d_s", {"layers": (1, 1, 1, 1)})],
    "shvit": [("shvit_s1", {})],
    "sknet": [("skresnet18", {})],
    "starnet": [("starnet_s050", {})],
    "swiftformer": [("swiftformer_xs", {})],
    "swin_transformer": [("swin_tiny_patch4_window7_224", {"depths": (1, 1, 1, 1)})],
    "swin_transformer_v2": [("swinv2_tiny_window8_256", {"depths": (1, 1, 1, 1)})],
    "swin_transformer_v2_cr": [("swinv2_cr_tiny_224", {"depths": (1, 1, 1, 1)})],
    "tiny_vit": [("tiny_vit_5m_224", {})],
    "tnt": [("tnt_s_patch16_224", FEWER)],
    "tresnet": [("tresnet_m", {})],
    "twins": [("twins_svt_small", {})],
    "vgg": [("vgg11", {})],
    "visformer": [("visformer_tiny", {})],
    "vision_transformer": [("test_vit", {}), ("test_vit2", {}), ("test_vit3", {}), ("test_vit4", {})],
    "vision_transformer_hybrid": [("vit_tiny_r_s16_p8_224", FEWER)],
    "vision_transformer_relpos": [("test_vit_relpos", {})],
    "vision_transformer_sam": [("samvit_base_patch16_224", {**FEWER, "global_attn_indexes": (1,)})],
    "vitamin": [("vitamin_small_224", {"depth": 2})],
    "volo": [("volo_d1_224", {})],
    "vovnet": [("ese_vovnet19b_dw", {})],
    "xception": [("legacy_xception", {})],
    "xception_aligned": [("xception41", {})],
    "xcit": [("xcit_nano_12_p16_224", FEWER)],
}
TORCHVISION = {
    "alexnet": "alexnet",
    "convnext": "convnext_tiny",
    "densenet": "densenet121",
    "efficientnet": "efficientnet_b0",
    "googlenet": "googlenet",
    "inception": "inception_v3",
    "maxvit": "maxvit_t",
    "mnasnet": "mnasnet0_5",
    "mobilenetv2": "mobilenet_v2",
    "mobilenetv3": "mobilenet_v3_small",
    "regnet": "regnet_y_400mf",
    "resnet": "resnet18",
    "shufflenetv2": "shufflenet_v2_x0_5",
    "squeezenet": "squeezenet1_1",
    "swin_transformer": "swin_t",
    "vgg": "vgg11",
    "vision_transformer": "vit_b_16",
}
VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
STAGES = {"num_stages": 4, "depths": [1, 1, 1, 1], "hidden_sizes": [16, 24, 32, 40]}
SWIN = {"image_size": 64, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
LEVIT = {
    "image_size": 64,
    "hidden_sizes": [32, 48, 64],
    "num_attention_heads": [2, 3, 4],
    "depths": [1, 1, 1],
    "key_dim": [8, 8, 8],
}
# kind: (class of the model, class of its settings, settings, size of its images)
TRANSFORMERS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "beit": ("BeitForImageClassification", "BeitConfig", VIT, 32),
    "bit": (
        "BitForImageClassification",
        "BitConfig",
        {**STAGES, "embedding_size": 32, "hidden_sizes": [32, 32, 64, 64]},
        64,
    ),
    "clip": ("CLIPForImageClassification", "CLIPConfig", {"vision_config": VIT}, 32),
    "convnext": ("ConvNextForImageClassification", "ConvNextConfig", STAGES, 64),
    "convnextv2": ("ConvNextV2ForImageClassification", "ConvNextV2Config", STAGES, 64),
    "data2vec": ("Data2VecVisionForImageClassification", "Data2VecVisionConfig", VIT, 32),
    "deit": ("DeiTForImageClassification", "DeiTConfig", VIT, 32),
    "deit teacher": ("DeiTForImageClassificationWithTeacher", "DeiTConfig", VIT, 32),
    "dinov2": ("Dinov2ForImageClassification", "Dinov2Config", {**VIT, "mlp_ratio": 2}, 32),
    "efficientnet": (
        "EfficientNetForImageClassification",
        "EfficientNetConfig",
        {"width_coefficient": 0.5, "depth_coefficient": 0.5, "hidden_dim": 640, "image_size": 64},
        64,
    ),
    "focalnet": ("FocalNetForImageClassification", "FocalNetConfig", {"image_size": 64, "embed_dim": 16}, 64),
    "hgnetv2": ("HGNetV2ForImageClassification", "HGNetV2Config", {}, 64),
    "hiera": ("HieraForImageClassification", "HieraConfig", {"embed_dim": 16, "depths": [1, 1, 1, 1]}, 224),
    "ijepa": ("IJepaForImageClassification", "IJepaConfig", VIT, 32),
    "imagegpt": ("ImageGPTForImageClassification", "ImageGPTConfig", {"n_layer": 1, "n_embd": 32, "n_head": 2}, 32),
    "levit": ("LevitForImageClassification", "LevitConfig", LEVIT, 64),
    "levit teacher": ("LevitForImageClassificationWithTeacher", "LevitConfig", LEVIT, 64),
    "mobilenet_v1": ("MobileNetV1ForImageClassification", "MobileNetV1Config", {"depth_multiplier": 0.25}, 64),
    "mobilenet_v2": ("MobileNetV2ForImageClassification", "MobileNetV2Config", {"depth_multiplier": 0.35}, 64),
    "mobilevit": ("MobileViTForImageClassification", "MobileViTConfig", {"image_size": 64}, 64),
    "mobilevitv2": ("MobileViTV2ForImageClassification", "MobileViTV2Config", {"image_size": 64}, 64),
    "perceiver": (
        "PerceiverForImageClassificationLearned",
        "PerceiverConfig",
        {"num_latents": 8, "d_latents": 32, "num_blocks": 1, "num_self_attends_per_block": 1, "image_size": 16},
        16,
    ),
    "poolformer": ("PoolFormerForImageClassification", "PoolFormerConfig", {"depths": [1, 1, 1, 1]}, 64),
    "pp_lcnet": ("PPLCNetForImageClassification", "PPLCNetConfig", {"scale": 0.25}, 64),
    "pvt": ("PvtForImageClassification", "PvtConfig", {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 40, 64]}, 224),
    "pvt_v2": (
        "PvtV2ForImageClassification",
        "PvtV2Config",
        {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 40, 64]},
        64,
    ),
    "regnet": ("RegNetForImageClassification", "RegNetConfig", {**STAGES, "embedding_size": 16, "groups_width": 8}, 64),
    "resnet": ("ResNetForImageClassification", "ResNetConfig", {**STAGES, "embedding_size": 16}, 64),
    "segformer": ("SegformerForImageClassification", "SegformerConfig", {"depths": [1, 1, 1, 1]}, 64),
    "siglip": ("SiglipForImageClassification", "SiglipConfig", {"vision_config": VIT}, 32),
    "siglip2": ("Siglip2ForImageClassification", "Siglip2Config", {"vision_config": {**VIT, "num_patches": 16}}, 32),
    "swiftformer": (
        "SwiftFormerForImageClassification",
        "SwiftFormerConfig",
        {"embed_dims": [16, 24, 32, 40], "depths": [1, 1, 1, 1], "image_size": 64},
        64,
    ),
    "swin": ("SwinForImageClassification", "SwinConfig", SWIN, 64),
    "swinv2": ("Swinv2ForImageClassification", "Swinv2Config", SWIN, 64),
    "textnet": ("TextNetForImageClassification", "TextNetConfig", {}, 64),
    "vit": ("ViTForImageClassification", "ViTConfig", VIT, 32),
    "vit_msn": ("ViTMSNForImageClassification", "ViTMSNConfig", VIT, 32),
}


def members_of(library: str) -> Iterator[Member]:
    """Yield the members of a library."""
    yield from LIBRARIES[library]()


def _of_timm() -> Iterator[Member]:
    import timm

    for family, rows in TIMM.items():
        for name, arguments in rows:
            known = timm.get_pretrained_cfg(name)
            size = known.input_size[-1] if known else 224
            yield Member(
                family,
                name,
                lambda name=name, arguments=arguments: timm.create_model(name, num_classes=NUM_CLASSES, **arguments),
                size,
                arguments,
            )


def _of_torchvision() -> Iterator[Member]:
    from torchvision import models

    for family, name in TORCHVISION.items():
        extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        size = 299 if name == "inception_v3" else 224
        yield Member(
            family,
            name,
            lambda name=name, extra=extra: models.get_model(name, weights=None, num_classes=NUM_CLASSES, **extra),
            size,
        )


def _of_transformers() -> Iterator[Member]:
    import transformers

    for family, (name, config, settings, size) in TRANSFORMERS.items():
        yield Member(
            family,
            name,
            lambda name=name, config=config, settings=settings: getattr(transformers, name)(
                getattr(transformers, config)(**settings, num_labels=NUM_CLASSES)
            ),
            size,
        )


LIBRARIES: dict[str, Callable[[], Iterator[Member]]] = {
    "timm": _of_timm,
    "torchvision": _of_torchvision,
    "transformers": _of_transformers,
}

# SPDX-License-Identifier: GPL-2.0-only
# What our QEMU has besides the CPUs: one machine, and the disk that hibernation writes to.
CONFIG_ARM_VIRT=y
CONFIG_VIRTIO_BLK=y
# The ACPI tables of that machine do not link without.
CONFIG_CXL=y
CONFIG_CXL_MEM_DEVICE=y
CONFIG_PXB=y

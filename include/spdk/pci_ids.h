/* SPDX-License-Identifier: BSD-3-Clause */

/* Numbers of the PCI registry by which drivers recognise devices. */

#ifndef SPDK_PCI_IDS_H
#define SPDK_PCI_IDS_H

#include "spdk/stdinc.h"

/* Vendors. */
#define SPDK_PCI_VID_VMWARE 0x15ad
#define SPDK_PCI_VID_VIRTIO 0x1af4
#define SPDK_PCI_VID_REDHAT 0x1b36
#define SPDK_PCI_VID_VIRTUALBOX 0x80ee
#define SPDK_PCI_VID_INTEL 0x8086

/* Class code: mass storage, non-volatile memory, NVMe. */
#define SPDK_PCI_CLASS_NVME 0x010802

/* Devices of SPDK_PCI_VID_VIRTIO. */
#define PCI_DEVICE_ID_VIRTIO_BLK_LEGACY 0x1001
#define PCI_DEVICE_ID_VIRTIO_SCSI_LEGACY 0x1004
#define PCI_DEVICE_ID_VIRTIO_BLK_MODERN 0x1042
#define PCI_DEVICE_ID_VIRTIO_SCSI_MODERN 0x1048

#endif /* SPDK_PCI_IDS_H */

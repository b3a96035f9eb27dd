/* A DMA heap for machines without one, so that libcamera's virtual camera and Picamera2 run in a
 * container, at full speed: memory is a memfd, which is mapped and handed on as a dma-buf is.
 *
 *   cc -shared -fPIC -o dma_heap.so dma_heap.c -ldl
 *   mkdir -p /dev/dma_heap; touch /dev/dma_heap/system; ln -s system /dev/dma_heap/vidbuf_cached
 *   GLIBC_TUNABLES=glibc.malloc.perturb=255:glibc.malloc.tcache_count=0 \
 *       LD_PRELOAD=$PWD/dma_heap.so python pi_camera.py
 *
 * The virtual camera of libcamera 0.4 does not say that a picture is good: memory has to begin as 0,
 * else Picamera2 takes every one for bad.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...) {
  static int (*next)(int, unsigned long, ...);
  if (!next) next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  if (request == DMA_HEAP_IOCTL_ALLOC) {
    struct dma_heap_allocation_data *wanted = argument;
    int memory = memfd_create("dma_heap", MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, wanted->len)) return -1;
    wanted->fd = memory;
    return 0;
  }
  /* The two names of DMA_BUF_SET_NAME differ in the size of a pointer. */
  if (request == DMA_BUF_IOCTL_SYNC || (request & 0xffff) == (DMA_BUF_SET_NAME_A & 0xffff)) return 0;
  return next(fd, request, argument);
}

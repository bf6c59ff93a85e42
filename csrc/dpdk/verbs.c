// Makes the statically linked libibverbs know its one provider, mlx5: without this it looks for
// providers as shared objects of the machine, which belong to another libibverbs.
#define RDMA_STATIC_PROVIDERS mlx5
#include <infiniband/verbs.h>

__attribute__((constructor)) static void oskr_verbs(void) {
  ibv_static_providers(NULL, _RDMA_STATIC_PREFIX(RDMA_STATIC_PROVIDERS), NULL);
}

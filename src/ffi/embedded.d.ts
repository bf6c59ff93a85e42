/** The path of a native library that the executable carries in itself. */
declare module "*.so" {
  const path: string;
  export default path;
}

/** Environment variable by which `npm start` gives the app the port of its AWS endpoint. */
export const LOCAL_PORT_VARIABLE = 'STREAMPIXEL_DROP_LOCAL_PORT';
